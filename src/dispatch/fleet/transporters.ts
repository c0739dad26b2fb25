/* A transporter's own presence. The transporter sets itself available, and heartbeats and sockets keep it present. */

import type { Parts } from '../parts.js'
import type { Caller } from '../person.js'
import { ok, problem, type Result } from '../problems.js'
import type { CatchUp } from '../reach/catch-up.js'
import { orUndefined } from './or-undefined.js'

/** The contract: more than 10 changes in 5 minutes get 429. */
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

/** Keeps the transporter present for another TTL. Its location is not used: what counts is where its drivers are. */
export async function transporterHeartbeat(
  { presence, catchUp }: TransporterParts,
  caller: Caller,
): Promise<Result<Record<string, never>>> {
  const newcomers = await orUndefined(presence.touchTransporters([caller.id]))
  if (newcomers?.has(caller.id)) catchUp.request(caller.id)
  return ok({})
}

/** A socket has connected. The transporter is now offered what it missed. */
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
