import type { Fault } from './definitions/checks/fault.js'

/** The event or input does not fit the definition's schema, or cannot be stored. The message has the first `issues`. */
export class InvalidEventError extends Error {
  readonly issues: readonly { readonly path: string; readonly message: string }[]

  constructor(message: string, issues: readonly { path: string; message: string }[]) {
    super(message)
    this.name = 'InvalidEventError'
    this.issues = issues
  }
}

export class UnknownInstanceError extends Error {
  constructor(id: string) {
    super(`There is no instance ${id}`)
    this.name = 'UnknownInstanceError'
  }
}

/**
 * The work may be retried after `retryAfterSeconds`. It was not done, unless the message says that this is unknown.
 * Then an idempotency key, or a read of the instance, shows it.
 */
export class OverloadedError extends Error {
  readonly retryAfterSeconds: number

  constructor(message: string, retryAfterSeconds: number, cause?: unknown) {
    super(message, { cause })
    this.name = 'OverloadedError'
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** The database did not answer, or cannot run the statement now. The statement may or may not be applied. */
export class StoreUnavailableError extends Error {
  /** The database refused, for example because its disk is full. An immediate retry would fail too. */
  readonly isLasting: boolean

  constructor(cause: unknown, { isLasting = false } = {}) {
    super(isLasting ? 'The database cannot do this now' : 'The database did not answer', { cause })
    this.name = 'StoreUnavailableError'
    this.isLasting = isLasting
  }
}

/**
 * A definition cannot be made durable, one of its functions returned something that cannot be stored, or no definition
 * here understands a stored instance.
 */
export class DefinitionError extends Error {
  /** All faults that were found when definitions were registered. Empty for an error of a single event. */
  readonly faults: readonly Fault[]

  constructor(message: string, cause?: unknown, faults: readonly Fault[] = []) {
    super(message, { cause })
    this.name = 'DefinitionError'
    this.faults = faults
  }
}

/**
 * An instance is stored in a definition version that this process does not know, written by a newer release. Another
 * process can serve the caller.
 */
export class UnknownVersionError extends DefinitionError {
  constructor(message: string) {
    super(message)
    this.name = 'UnknownVersionError'
  }
}

/**
 * The event is not at fault: the database is unavailable, this process is full or cannot serve the instance, or the
 * instance is gone. The same event may succeed elsewhere or later.
 */
export function isEnvironmental(error: unknown): boolean {
  return (
    error instanceof StoreUnavailableError ||
    error instanceof OverloadedError ||
    error instanceof UnknownInstanceError ||
    error instanceof UnknownVersionError
  )
}

/** The error for a caller: that a retry may succeed, or what is broken. */
export function unavailable(error: unknown): unknown {
  return error instanceof StoreUnavailableError ? new OverloadedError(error.message, 1, error) : error
}

/** Waits for `work`, and turns its failure into the error for a caller. */
export async function whenAvailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw unavailable(error)
  }
}
