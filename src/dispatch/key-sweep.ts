import { Periodic } from '../concurrency/periodic.js'
import type { Parts } from './parts.js'

/** The contract promises clients that a key works for a day. */
const KEPT_MS = 24 * 3_600_000
/** A few minutes more than a day do no harm. With nothing to delete, a sweep is one statement. */
const SWEEP_EVERY_MS = 5 * 60_000
/** Rows of one statement, which takes some ten milliseconds. */
const BATCH = 1_000

/** Deletes idempotency keys after their day. Several processes may run it: they delete different rows. */
export function keySweep({ keys, log }: Pick<Parts, 'keys' | 'log'>): Periodic {
  return new Periodic({
    everyMs: SWEEP_EVERY_MS,
    async work() {
      while ((await keys.sweep(KEPT_MS, BATCH)) === BATCH);
    },
    onFailure: error => log.warn({ err: error }, 'old idempotency keys could not be deleted'),
  })
}
