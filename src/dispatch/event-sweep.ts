import { Periodic } from '../concurrency/periodic.js'
import type { Parts } from './parts.js'

/** At 500 events a second, 30,000 rows are due each time. */
const SWEEP_EVERY_MS = 60_000
/** Rows of one statement, which takes some ten milliseconds. */
const BATCH = 1_000

/** Deletes delivered events after their time. Several processes may run it: they delete different rows. */
export function eventSweep({ resume, settings, log }: Pick<Parts, 'resume' | 'settings' | 'log'>): Periodic {
  return new Periodic({
    everyMs: SWEEP_EVERY_MS,
    async work() {
      while ((await resume.sweep(settings.eventRetentionMs, BATCH)) === BATCH);
    },
    onFailure: error => log.warn({ err: error }, 'old events could not be deleted'),
  })
}
