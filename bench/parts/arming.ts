import { inFlight } from '../measure.js'

export const WITHIN_MS = 5_000
/** All are armed by then. */
export const LEAD_MS = 12_000
export const ARMED_AT_ONCE = 128

/** When the `i`th of `count` is due. */
const dueAtOf = (firstAt: number, i: number, count: number) => firstAt + Math.round((i * WITHIN_MS) / count)

/** Arms so many, which come due evenly within five seconds, some seconds from now. Throws if that is too soon. */
export async function armAll(
  count: number,
  arm: (i: number, dueAt: number) => Promise<unknown>,
): Promise<void> {
  const firstAt = Date.now() + LEAD_MS
  await inFlight(count, ARMED_AT_ONCE, i => arm(i, dueAtOf(firstAt, i, count)))
  if (Date.now() > firstAt) throw new Error(`arming ${count} timers took longer than ${LEAD_MS} ms`)
}
