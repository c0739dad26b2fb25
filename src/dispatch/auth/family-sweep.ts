import { Periodic } from '../../concurrency/periodic.js'
import type { DispatchLog } from '../parts.js'
import type { RefreshFamilies } from '../ports.js'

/** A family lives for a month; that its row stays for minutes longer does no harm. */
const SWEEP_EVERY_MS = 5 * 60_000
/** Rows of one statement: some ten milliseconds. */
const BATCH = 1_000

/** Forgets families of refresh tokens when the last token has expired. Any number of processes may. */
export function familySweep(families: RefreshFamilies, log: DispatchLog): Periodic {
  return new Periodic({
    everyMs: SWEEP_EVERY_MS,
    async work() {
      while ((await families.sweep(BATCH)) === BATCH);
    },
    onFailure: error => log.warn({ err: error }, 'old families of refresh tokens could not be deleted'),
  })
}
