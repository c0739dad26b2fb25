/*
 * The caps on what one person may make, as settings. 0 is none and the default, so that an embedded server takes a race or a
 * demo as it comes; `infra/` sets what is advised here. docs/GROWTH.md has the bytes a day that they come to.
 */
import { z } from 'zod'
import { api, expecting, type Setting } from './setting.js'

/** Beyond it a cap keeps nobody from anything, and counting up to it would be what costs. */
const MAX_CAP = 100_000

export const ADVISED_CAPS = {
  /** One every 3 s. People take a minute for one, and a program that imports a day's loads waits its turn. */
  CREATES_PER_MINUTE: 20,
  /** A large shipper posts some hundred. At 20 a minute it would be 28,800. */
  CREATES_PER_DAY: 1_000,
  /** One every 3 minutes, each of which woke some ten transporters for nothing. */
  CANCELS_PER_HOUR: 20,
  /** Two for each vehicle of the largest fleet (MAX_FLEET). */
  TRIPS_PER_DAY: 2_000,
  /** As many breakdowns as a large request may see. Each accept and release makes some ten rows. */
  RELEASES_PER_REQUEST: 10,
  /** Two for each request of the busiest customer. A key keeps its answer for a day. */
  IDEMPOTENCY_KEYS_PER_DAY: 2_000,
  /** Dead letters are redriven by hand or by a script, one every few seconds. What is done stays on record for good. */
  ADMIN_ACTIONS_PER_HOUR: 1_000,
} as const

type CapName = keyof typeof ADVISED_CAPS

const rest = { readBy: api, advisedIn: ['one server', 'cluster', 'AWS'] } as const

function cap(name: CapName, meaning: string) {
  const advised = String(ADVISED_CAPS[name])
  const schema = expecting(`a whole number from 0 (no cap) to ${MAX_CAP}; ${advised} is advised`, message =>
    z
      .string()
      .regex(/^\d{1,6}$/, message)
      .transform(Number)
      .refine(value => value <= MAX_CAP, message)
      .default(0),
  )
  return { schema, meaning, example: advised, ...rest }
}

export const capSettings = {
  CREATES_PER_MINUTE: cap('CREATES_PER_MINUTE', 'Requests that one customer may make in a minute.'),
  CREATES_PER_DAY: cap('CREATES_PER_DAY', 'Requests that one customer may make in 24 hours.'),
  CANCELS_PER_HOUR: cap(
    'CANCELS_PER_HOUR',
    'Requests of one customer that were made within the hour and cancelled. Beyond it, creates are refused.',
  ),
  TRIPS_PER_DAY: cap('TRIPS_PER_DAY', 'Trucks that one transporter may accept in 24 hours.'),
  RELEASES_PER_REQUEST: cap(
    'RELEASES_PER_REQUEST',
    'Trucks that one transporter may give back to one request.',
  ),
  IDEMPOTENCY_KEYS_PER_DAY: cap('IDEMPOTENCY_KEYS_PER_DAY', 'Idempotency keys of one user in a day (UTC).'),
  ADMIN_ACTIONS_PER_HOUR: cap('ADMIN_ACTIONS_PER_HOUR', 'Actions of one administrator in an hour.'),
} as const satisfies Readonly<Record<CapName, Setting>>

/** As dispatch takes them. */
export function capsOf(env: Readonly<Record<CapName, number>>) {
  return {
    createsPerMinute: env.CREATES_PER_MINUTE,
    createsPerDay: env.CREATES_PER_DAY,
    cancelsPerHour: env.CANCELS_PER_HOUR,
    tripsPerDay: env.TRIPS_PER_DAY,
    releasesPerRequest: env.RELEASES_PER_REQUEST,
    idempotencyKeysPerDay: env.IDEMPOTENCY_KEYS_PER_DAY,
    adminActionsPerHour: env.ADMIN_ACTIONS_PER_HOUR,
  }
}
