import { Periodic } from '../../concurrency/periodic.js'
import type { DispatchLog } from '../parts.js'
import type { PushQueue } from '../ports.js'

const SWEEP_EVERY_MS = 60_000
/**
 * Settled pushes are kept for longer than an event may be delivered again (four minutes, see runtime/delivery/attempt.ts): without
 * them it would be pushed again. They also answer an operator who asks why an event was not pushed.
 */
const KEPT_FOR_MS = 15 * 60_000
const BATCH = 1_000

/** Forgets settled pushes after their time. Any number of processes may: they delete different rows. */
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
