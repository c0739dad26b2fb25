/*
 * The caps on what one person may make, as settings. 0 is none and the default, so that an embedded server takes a race or a
 * demo as it comes; `infra/` sets what is advised here. docs/GROWTH.md has the bytes a day that they come to.
 */
import { z } from 'zod'
import type { Caps } from './dispatch/caps.js'

/** Beyond it a cap keeps nobody from anything, and counting up to it would be what costs. */
const MAX_CAP = 100_000

function cap() {
  const expected = `Expected a whole number from 0 (no cap) to ${MAX_CAP}`
  return z
    .string()
    .regex(/^\d{1,6}$/, expected)
    .transform(Number)
    .refine(value => value <= MAX_CAP, expected)
    .default(0)
}

export const capSettings = {
  /** Advised 20: one every 3 s. People take a minute for one, and a program that imports a day's loads waits its turn. */
  CREATES_PER_MINUTE: cap(),
  /** Advised 1000: a large shipper posts some hundred. At 20 a minute it would be 28,800. */
  CREATES_PER_DAY: cap(),
  /** Advised 20: one every 3 minutes, each of which woke some ten transporters for nothing. */
  CANCELS_PER_HOUR: cap(),
  /** Advised 10: as many breakdowns as a large request may see. Each accept and release makes some ten rows. */
  RELEASES_PER_REQUEST: cap(),
  /** Advised 2000: two for each request of the busiest customer. A key keeps its answer for a day. */
  IDEMPOTENCY_KEYS_PER_DAY: cap(),
  /** Advised 1000: dead letters are redriven by hand or by a script, a few a second at worst. Each is kept for good. */
  ADMIN_ACTIONS_PER_HOUR: cap(),
} as const

export function capsOf(env: Readonly<Record<keyof typeof capSettings, number>>): Caps {
  return {
    createsPerMinute: env.CREATES_PER_MINUTE,
    createsPerDay: env.CREATES_PER_DAY,
    cancelsPerHour: env.CANCELS_PER_HOUR,
    releasesPerRequest: env.RELEASES_PER_REQUEST,
    idempotencyKeysPerDay: env.IDEMPOTENCY_KEYS_PER_DAY,
    adminActionsPerHour: env.ADMIN_ACTIONS_PER_HOUR,
  }
}
