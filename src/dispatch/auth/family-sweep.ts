import { Periodic } from '../../concurrency/periodic.js'
import type { DispatchLog } from '../parts.js'
import type { RefreshFamilies } from '../ports.js'

/** A family lives for a month. Some minutes more do no harm. */
const SWEEP_EVERY_MS = 5 * 60_000
/** Rows of one statement, which takes some ten milliseconds. */
const BATCH = 1_000

/** Deletes families of refresh tokens after the last token has expired. Several processes may run it. */
export function familySweep(families: RefreshFamilies, log: DispatchLog): Periodic {
  return new Periodic({
    everyMs: SWEEP_EVERY_MS,
    async work() {
      while ((await families.sweep(BATCH)) === BATCH);
    },
    onFailure: error => log.warn({ err: error }, 'old families of refresh tokens could not be deleted'),
  })
}
