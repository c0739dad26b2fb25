/* A transporter's own presence: available by its word, present by its heartbeats and sockets. */

import type { Parts } from '../parts.js'
import type { Caller } from '../person.js'
import { ok, problem, type Result } from '../problems.js'
import type { CatchUp } from '../reach/catch-up.js'
import { orUndefined } from './or-undefined.js'

/** Promised to clients: past 10 changes in 5 minutes, 429. */
const TOGGLE_LIMIT = { changes: 10, windowMs: 300_000 }

export interface TransporterParts extends Pick<Parts, 'fleet' | 'presence'> {
  readonly catchUp: CatchUp
}

export async function setTransporterAvailability(
  { fleet, presence, catchUp }: TransporterParts,
  caller: Caller,
  isAvailable: boolean,
): Promise<Result<{ isAvailable: boolean }>> {
  const change = await fleet.setTransporterAvailable(caller.id, isAvailable, TOGGLE_LIMIT)
  if (change.kind === 'limited') {
    const retryAfterSeconds = Math.max(1, Math.ceil(change.retryAfterMs / 1000))
    return problem('RATE_LIMITED', { retryAfterSeconds })
  }
  if (isAvailable) {
    await orUndefined(presence.touchTransporters([caller.id]))
    catchUp.request(caller.id)
  }
  return ok({ isAvailable })
}

/** Present for another TTL. Its place is not used: drivers are near, not their transporter. */
export async function transporterHeartbeat(
  { presence, catchUp }: TransporterParts,
  caller: Caller,
): Promise<Result<Record<string, never>>> {
  const newcomers = await orUndefined(presence.touchTransporters([caller.id]))
  if (newcomers?.has(caller.id)) catchUp.request(caller.id)
  return ok({})
}

/** A socket came or came back: whatever it missed while it was away is offered now. */
export async function connected({ presence, catchUp }: TransporterParts, caller: Caller): Promise<void> {
  if (caller.role !== 'transporter') return
  await orUndefined(presence.touchTransporters([caller.id]))
  catchUp.request(caller.id)
}

export async function stillConnected(
  { presence, catchUp }: TransporterParts,
  transporterIds: readonly string[],
): Promise<void> {
  if (transporterIds.length === 0) return
  const newcomers = await orUndefined(presence.touchTransporters(transporterIds))
  for (const id of newcomers ?? []) catchUp.request(id)
}
