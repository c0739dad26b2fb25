import { Periodic } from '../../concurrency/periodic.js'
import type { DispatchLog } from '../parts.js'
import type { PushQueue } from '../ports.js'

const SWEEP_EVERY_MS = 60_000
/**
 * Settled pushes are kept for longer than a delivery may be repeated (four minutes, see runtime/delivery/attempt.ts).
 * Without them an event would be pushed twice. They also show an operator why an event was not pushed.
 */
const KEPT_FOR_MS = 15 * 60_000
const BATCH = 1_000

/** Deletes settled pushes after their time. Several processes may run it: they delete different rows. */
export function pushSweep(parts: { pushes: PushQueue; now(): number; log: DispatchLog }): Periodic {
  const { pushes, now, log } = parts
  return new Periodic({
    everyMs: SWEEP_EVERY_MS,
    async work() {
      while ((await pushes.sweep(now() - KEPT_FOR_MS, BATCH)) === BATCH);
    },
    onFailure: error => log.warn({ err: error }, 'settled pushes could not be deleted'),
  })
}
