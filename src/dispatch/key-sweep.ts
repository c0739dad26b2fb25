import { Periodic } from '../concurrency/periodic.js'
import type { Parts } from './parts.js'

/** Promised to clients: a key is good for a day. */
const KEPT_MS = 24 * 3_600_000
/** A few minutes beyond the day do no harm, and this is one statement when there is nothing to do. */
const SWEEP_EVERY_MS = 5 * 60_000
/** Rows of one statement: some ten milliseconds. */
const BATCH = 1_000

/** Forgets idempotency keys after their day. Any number of processes may: they delete different rows. */
export function keySweep({ keys, log }: Pick<Parts, 'keys' | 'log'>): Periodic {
  return new Periodic({
    everyMs: SWEEP_EVERY_MS,
    async work() {
      while ((await keys.sweep(KEPT_MS, BATCH)) === BATCH);
    },
    onFailure: error => log.warn({ err: error }, 'old idempotency keys could not be deleted'),
  })
}
