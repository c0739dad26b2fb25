import { inFlight } from '../measure.js'

export const WITHIN_MS = 5_000
/** All timers are armed before the first is due. */
export const LEAD_MS = 12_000
export const ARMED_AT_ONCE = 128

/** The due time of timer `i` of `count`. */
const dueAtOf = (firstAt: number, i: number, count: number) => firstAt + Math.round((i * WITHIN_MS) / count)

/** Arms `count` timers, due evenly within five seconds that begin after `LEAD_MS`. Throws if arming took longer. */
export async function armAll(
  count: number,
  arm: (i: number, dueAt: number) => Promise<unknown>,
): Promise<void> {
  const firstAt = Date.now() + LEAD_MS
  await inFlight(count, ARMED_AT_ONCE, i => arm(i, dueAtOf(firstAt, i, count)))
  if (Date.now() > firstAt) throw new Error(`arming ${count} timers took longer than ${LEAD_MS} ms`)
}
