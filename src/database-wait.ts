/*
 * A start outlives a database that is slow, away, or in the middle of a failover. Only what the database or the network is
 * at fault for is waited out; the reason is told at once and every few seconds, so that a wrong password does not look
 * like patience.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { StoreUnavailableError } from './runtime/errors.js'

/** Runs `work`, and again while the database is away; the time for all of a start is one. */
export type DatabaseWait = <T>(work: () => Promise<T>) => Promise<T>

/** The message is a sentence for the operator. */
export class DatabaseAwayError extends Error {
  override readonly name = 'DatabaseAwayError'
}

/** It was asked to end while it waited. */
export class StartAbandonedError extends Error {
  override readonly name = 'StartAbandonedError'
}

/** A server that has just come up is found within this; one that is down is not pestered. */
const PAUSE_MS = 500
const TELL_EVERY_MS = 5_000

export interface DatabaseWaitOptions {
  /** From the first failure on; 0 does not wait. */
  readonly waitMs: number
  readonly tell: (line: string) => void
  readonly signal?: AbortSignal
}

export function createDatabaseWait({ waitMs, tell, signal }: DatabaseWaitOptions): DatabaseWait {
  let giveUpAt: number | undefined
  let toldAt = Number.NEGATIVE_INFINITY
  let told = ''

  function note(error: StoreUnavailableError): void {
    const now = performance.now()
    giveUpAt ??= now + waitMs
    if (now + PAUSE_MS > giveUpAt) {
      throw new DatabaseAwayError(
        `The database could not be used within ${waitMs / 1000} s (DATABASE_WAIT_SECONDS): ${reasonOf(error)}`,
        { cause: error },
      )
    }
    const reason = reasonOf(error)
    if (reason === told && now - toldAt < TELL_EVERY_MS) return
    told = reason
    toldAt = now
    tell(`waiting for the database, for ${Math.ceil((giveUpAt - now) / 1000)} s more: ${reason}`)
  }

  return async work => {
    for (;;) {
      // The first attempt ends by itself: it has a time limit, or is a migration that is getting on.
      const attempt = giveUpAt === undefined ? work() : unlessAbandoned(work(), signal)
      try {
        const value = await attempt
        if (told !== '') tell('the database is there')
        told = ''
        return value
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
        note(error)
      }
      await unlessAbandoned(delay(PAUSE_MS), signal)
    }
  }
}

function unlessAbandoned<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const abandon = () => reject(new StartAbandonedError('asked to end while it waited for the database'))
    if (signal.aborted) abandon()
    signal.addEventListener('abort', abandon)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abandon))
  })
}

/** What the driver or the server said. */
function reasonOf({ cause, message }: StoreUnavailableError): string {
  const {
    code,
    message: said = message,
    errors,
  } = (cause ?? {}) as Partial<AggregateError> & { code?: unknown }
  // Node's error for several addresses has a text for each of them alone.
  const text = errors?.map(one => one.message).join(', ') ?? said
  return typeof code === 'string' && !text.includes(code) ? `${text} (${code})` : text
}
