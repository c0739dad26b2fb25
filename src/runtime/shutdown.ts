/*
 * Ends the engine of a process. Timers and sweeps go to other processes first. Then work in progress is finished within
 * a time limit, and the leases of unfinished work are released. A process that dies in between loses nothing, because
 * its leases expire.
 */
import { waitAtMost } from './platform.js'
import type { Services } from './services.js'

/** One short statement, twice. Without it leases expire by themselves, so it is not worth more time. */
const HAND_OVER_WITHIN_MS = 2_000

/** Leaves timers and sweeping to other processes, and wakes them. */
export function standDown({ dueTimers, delivery, rearm, timers, wakeups, clock }: Services): void {
  dueTimers.areFiredHere = false
  delivery.stopSweeps()
  rearm.stop().catch(() => {}) // it has logged its failures
  // Timers that were about to be fired here are now due in another process.
  timers.stop().then(() => wakeups?.announce(clock.now()))
}

/**
 * Finishes work in progress for at most `withinMs`, and hands over the rest. The engine accepts no new work meanwhile.
 */
export async function shutDown(
  services: Services,
  { withinMs, hasJoined }: { withinMs: number; hasJoined: boolean },
): Promise<void> {
  const { dueTimers, continuity, platform, timers, rearm, committer, delivery, membership } = services
  dueTimers.areFiredHere = false
  continuity.stop()
  const deadline = platform.monotonicMs() + withinMs
  const untilDeadline = (work: Promise<unknown>) =>
    waitAtMost(platform, Math.max(0, deadline - platform.monotonicMs()), work)
  await untilDeadline(Promise.all([timers.stop(), rearm.stop()]))
  await untilDeadline(committer.idle())
  await untilDeadline(delivery.stop())
  await handOver(services)
  if (hasJoined) await untilDeadline(membership.leave())
}

/** Releases the leases of unfinished work, so that other processes need not wait until they expire. */
async function handOver({ timers, delivery, store, log, platform, wakeups, clock }: Services): Promise<void> {
  const held = { timers: timers.held(), deliveries: delivery.held() }
  const counts = { timers: held.timers.length, deliveries: held.deliveries.length }
  if (counts.timers + counts.deliveries === 0) return
  const released = store.release(held).then(
    () => log.warn(counts, 'not finished in time, and left to other processes'),
    error => log.warn({ err: error, ...counts }, 'not finished in time; other processes wait for the leases'),
  )
  await waitAtMost(platform, HAND_OVER_WITHIN_MS, released)
  wakeups?.announce(clock.now())
}
