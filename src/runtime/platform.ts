/*
 * What the runtime needs of its machine besides a store: time, alarms, randomness and new ids. A process has the real
 * ones. A simulation has its own, so that one seed gives one course of events.
 */
import { randomFillSync } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import { type Alarms, type Cancel, processAlarms } from '../concurrency/alarms.js'

export type { Cancel } from '../concurrency/alarms.js'

export interface Platform extends Alarms {
  /** Milliseconds that never go back. Only differences have a meaning. */
  monotonicMs(): number
  /** From 0 to below 1. */
  random(): number
  /** A new UUIDv7. */
  uid(): string
}

const BYTES_PER_UID = 16
/** A system call for each id takes longer than the rest of making it. */
const UIDS_PER_DRAW = 256
const chance = new Uint8Array(BYTES_PER_UID * UIDS_PER_DRAW)
let drawn = chance.length

function uid(): string {
  if (drawn === chance.length) {
    randomFillSync(chance)
    drawn = 0
  }
  const random = chance.subarray(drawn, drawn + BYTES_PER_UID)
  drawn += BYTES_PER_UID
  return uuidv7({ random })
}

export const processPlatform: Platform = {
  ...processAlarms,
  monotonicMs: () => performance.now(),
  random: Math.random,
  uid,
}

/** Resolves after `delayMs`. */
export const pause = (platform: Platform, delayMs: number) =>
  new Promise<void>(resolve => void platform.after(delayMs, resolve))

/** Waits for `work`, but at most `withinMs`. The work continues after that. */
export async function waitAtMost(
  platform: Platform,
  withinMs: number,
  work: Promise<unknown>,
): Promise<void> {
  let cancel: Cancel = () => {}
  const tooLong = new Promise<void>(resolve => {
    cancel = platform.after(withinMs, resolve)
  })
  await Promise.race([work, tooLong]).finally(cancel)
}
