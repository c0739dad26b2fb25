/*
 * How much one person may create. Its rows fill the operator's disk, and its offers take other people's time. Each cap
 * is a setting; 0 turns it off. src/app/settings/caps.ts has the advised numbers and their reasons. A refusal says what
 * is allowed.
 */
import type { Limited, OwnerLimit } from '../runtime/types.js'
import { problem, type Result } from './problems.js'

export interface Caps {
  /** Requests of one customer, over all routes that create requests. */
  readonly createsPerMinute: number
  readonly createsPerDay: number
  /** Cancelled requests of one customer among those created in the last hour. The cancel itself is never refused. */
  readonly cancelsPerHour: number
  /** Trips of one transporter, in any state. Accepts that are decided at the same time do not count each other. */
  readonly tripsPerDay: number
  /** Trips of one request that one transporter may release. */
  readonly releasesPerRequest: number
  /** Stored idempotency keys of one person, from midnight to midnight UTC. */
  readonly idempotencyKeysPerDay: number
  /** Actions on record of one administrator. */
  readonly adminActionsPerHour: number
}

export const NO_CAPS: Caps = {
  createsPerMinute: 0,
  createsPerDay: 0,
  cancelsPerHour: 0,
  tripsPerDay: 0,
  releasesPerRequest: 0,
  idempotencyKeysPerDay: 0,
  adminActionsPerHour: 0,
}

const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const perWindow = new Map([
  [MINUTE_MS, 'a minute'],
  [HOUR_MS, 'an hour'],
  [DAY_MS, '24 hours'],
])

/** The limits that the commit of a new request counts. */
export function limitsOfCreates({
  createsPerMinute,
  createsPerDay,
  cancelsPerHour,
}: Caps): readonly OwnerLimit[] {
  return [
    { max: createsPerMinute, windowMs: MINUTE_MS },
    { max: createsPerDay, windowMs: DAY_MS },
    { max: cancelsPerHour, windowMs: HOUR_MS, status: 'cancelled' },
  ].filter(({ max }) => max > 0)
}

export function tooManyCreated({ limit: { max, windowMs, status }, retryAfterMs }: Limited) {
  const what = status === undefined ? 'requests' : `${status} requests`
  return atCap(`At most ${max} ${what} of a customer within ${perWindow.get(windowMs)}`, retryAfterMs)
}

/** 429. `detail` says what is allowed. */
export function atCap(detail: string, retryAfterMs: number): Extract<Result<never>, { ok: false }> {
  return problem('RATE_LIMITED', { detail, retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)) })
}
