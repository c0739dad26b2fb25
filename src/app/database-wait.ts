/*
 * Lets a start wait for a database that is slow, unavailable or failing over. It retries only faults of the database or the
 * network. The reason is logged at once and every few seconds, so that a wrong password is visible.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { StoreUnavailableError } from '../runtime/errors.js'

/** Runs `work` and retries while the database is unavailable. One time limit covers the whole start. */
export type DatabaseWait = <T>(work: () => Promise<T>) => Promise<T>

/** The message is a sentence for the operator. */
export class DatabaseAwayError extends Error {
  override readonly name = 'DatabaseAwayError'
}

/** The process was told to end while it waited. */
export class StartAbandonedError extends Error {
  override readonly name = 'StartAbandonedError'
}

/** Short enough to find a recovered server soon, long enough not to load one that is down. */
const PAUSE_MS = 500
const TELL_EVERY_MS = 5_000

export interface DatabaseWaitOptions {
  /** Time limit from the first failure on. 0 means that a start does not wait. */
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
    // Whole milliseconds first: the sum is not exact, and 60.0000001 s would be 61.
    const leftMs = Math.round(giveUpAt - now)
    tell(`waiting for the database, for ${Math.ceil(leftMs / 1000)} s more: ${reason}`)
  }

  return async work => {
    for (;;) {
      // The first attempt ends by itself: it has a time limit, or it is a migration that makes progress.
      const attempt = giveUpAt === undefined ? work() : unlessAbandoned(work(), signal)
      try {
        const value = await attempt
        if (told !== '') tell('the database is available')
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
    const abandon = () =>
      reject(new StartAbandonedError('the process was asked to end while it waited for the database'))
    if (signal.aborted) abandon()
    signal.addEventListener('abort', abandon)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abandon))
  })
}

/** The message of the driver or the server. */
function reasonOf({ cause, message }: StoreUnavailableError): string {
  const {
    code,
    message: said = message,
    errors,
  } = (cause ?? {}) as Partial<AggregateError> & { code?: unknown }
  // Node's error for several addresses has one message for each address.
  const text = errors?.map(one => one.message).join(', ') ?? said
  return typeof code === 'string' && !text.includes(code) ? `${text} (${code})` : text
}
