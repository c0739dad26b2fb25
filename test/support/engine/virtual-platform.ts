import type { Platform } from '../../../src/runtime/platform.js'
import { createChance, uuidAt } from '../../../src/testing/simulation/chance.js'
import { VirtualTime } from '../../../src/testing/simulation/virtual-time.js'

/** A platform whose time passes only in `time.runUntilDone` and `time.sleep`. One seed gives one course of events. */
export function virtualPlatform(seed = 1): { readonly time: VirtualTime; readonly platform: Platform } {
  const chance = createChance(seed)
  const time = new VirtualTime(chance)
  const platform = {
    monotonicMs: () => time.now,
    after: (delayMs: number, work: () => void) => time.after(delayMs, work),
    soon: (work: () => void) => void time.after(0, work),
    random: () => chance.next(),
    uid: () => uuidAt(time.now, chance),
  }
  return { time, platform }
}
