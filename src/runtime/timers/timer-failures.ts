/*
 * What happens to a timer whose firing fails. If the environment is at fault (the database is away, this process is full
 * or being replaced), its lease runs out and it is fired again. If the timer's own transition is at fault, the attempt is
 * counted in its row and the next one waits longer; after the last one the timer is a dead letter. A process that dies
 * before it has counted an attempt leaves it uncounted, and one that was counted by another process is not counted twice.
 */
import type { Logger } from 'pino'
import { type Backoff, backoffMs } from '../../concurrency/backoff.js'
import { isEnvironmental } from '../errors.js'
import { type Platform, processPlatform } from '../platform.js'
import type { Store, StoredTimer } from '../ports.js'
import type { Meter } from '../telemetry.js'

/**
 * A machine is pure, so another attempt helps only if the instance has changed or another release fires the timer. Half a
 * second, doubling, comes to about a minute in all: longer than a process takes to start, short enough that an operator
 * hears of a stuck instance while its users still wait.
 */
const RETRIES: Backoff = { firstMs: 500, longestMs: 30_000 }
const MAX_ATTEMPTS = 8
/** Of an error with its cause: a paragraph for an operator. The log has the stack. */
const MAX_ERROR_LENGTH = 1_000

/**
 * Counts a failed attempt. Throws `error` again if the timer is not at fault, and `StoreUnavailableError` if the attempt
 * could not be counted.
 */
export type NoteTimerFailure = (timer: StoredTimer, error: unknown) => Promise<void>

export function createTimerFailures(options: {
  readonly store: Pick<Store, 'postponeTimer' | 'buryTimer'>
  readonly log: Logger
  readonly platform?: Platform
  readonly meter?: Meter | undefined
}): NoteTimerFailure {
  const { store, log, platform = processPlatform, meter } = options

  return async (timer, error) => {
    if (isEnvironmental(error)) throw error
    const { instance, machine, sendId, generation, attempts: before = 0 } = timer
    const attempts = before + 1
    const failure = { attempts, error: describeError(error) }
    const facts = { err: error, instance, machine, sendId, generation, attempts }
    if (attempts >= MAX_ATTEMPTS) {
      if (!(await store.buryTimer(timer, failure))) return
      meter?.timerFailed(machine, true)
      log.error(facts, 'a timer failed for the last time and is a dead letter')
      return
    }
    const delayMs = backoffMs(RETRIES, attempts, platform.random)
    if (!(await store.postponeTimer(timer, failure, delayMs))) return
    meter?.timerFailed(machine, false)
    log.warn({ ...facts, delayMs }, 'a timer failed and will be fired again')
  }
}

/** As a database can store it. */
function describeError(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined
  const isSaid = cause === undefined || String(error).includes(cause.message)
  const text = isSaid ? String(error) : `${error}, because of ${cause}`
  return text.replaceAll('\u0000', '').slice(0, MAX_ERROR_LENGTH).toWellFormed()
}
