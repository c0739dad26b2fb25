/*
 * How much one person may make: its rows take the operator's disk, and its offers take the time of other people. Each
 * cap is a setting (src/app/settings/caps.ts says why which number is advised); 0 is none. What is refused is told what is allowed.
 */
import type { Limited, OwnerLimit } from '../runtime/types.js'
import { problem, type Result } from './problems.js'

export interface Caps {
  /** Requests of one customer, on all creating routes together. */
  readonly createsPerMinute: number
  readonly createsPerDay: number
  /** Requests of one customer that were made within the last hour and are cancelled. The cancel itself is never refused. */
  readonly cancelsPerHour: number
  /** Trips of one transporter, whatever became of them. Accepts that are decided at once are not counted for one another. */
  readonly tripsPerDay: number
  /** Trips that one transporter may give back of one request. */
  readonly releasesPerRequest: number
  /** Idempotency keys of one person that are kept, from midnight to midnight UTC. */
  readonly idempotencyKeysPerDay: number
  /** What one administrator may do on record. */
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

/** What the commit of a new request counts. */
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

/** 429: `detail` says what is allowed. */
export function atCap(detail: string, retryAfterMs: number): Extract<Result<never>, { ok: false }> {
  return problem('RATE_LIMITED', { detail, retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)) })
}
