import { openTypes } from '../../machines/index.js'
import { defined } from '../../types/defined.js'
import { actorOf, keyed, readerOf } from '../access.js'
import { retryLink } from '../announcements/announcements.js'
import type { BroadcastEventAnswer, SendOptions } from '../answers.js'
import type { PartsWithEngine } from '../parts.js'
import type { Caller } from '../person.js'
import { ok, problem, type Result } from '../problems.js'
import { problemOfRefusal } from '../refusals.js'
import { broadcastView, type Standing } from '../views/broadcast-view.js'
import { asBroadcast, type Broadcast } from './broadcast.js'

/** Takes two round trips: one to find the request's owner, and the commit. When it returns, the trips are cancelled. */
export async function cancel(
  { engine, reads }: PartsWithEngine,
  caller: Caller,
  id: string,
  { reason }: { reason?: string | undefined },
  { ifVersion, key }: SendOptions,
): Promise<Result<BroadcastEventAnswer>> {
  const readStartedAt = performance.now()
  const found = await reads.findBroadcast(id, readerOf(caller))
  if (found === undefined) return problem('NOT_FOUND')
  const { instance: row, ...standing } = found
  const outcome = await engine.send(
    id,
    { type: 'cancel', ...defined({ reason }) },
    {
      actor: actorOf(caller),
      loaded: { row, readStartedAt },
      ...defined({ ifVersion }),
      ...keyed(key),
    },
  )
  if (outcome.kind === 'replayed') return problem('IDEMPOTENCY_IN_FLIGHT', { retryAfterSeconds: 1 })
  if (outcome.kind === 'refused') {
    const refused = asBroadcast(outcome.instance)
    // An expired request needs no cancel. Its customer can retry it if trucks are missing.
    const isRetryable = refused.status === 'expired' && openTypes(refused.snapshot.context).length > 0
    return problemOfRefusal(outcome.refusal, isRetryable ? retryLink(id) : {})
  }
  return ok(cancelAnswer(caller, asBroadcast(outcome.instance), standing, outcome.kind, engine.now()))
}

export function cancelAnswer(
  caller: Caller,
  broadcast: Broadcast,
  standing: Standing,
  outcome: BroadcastEventAnswer['outcome'],
  now: number,
): BroadcastEventAnswer {
  const { trips, trucks } = broadcast.snapshot.context
  return {
    outcome,
    version: broadcast.version,
    broadcast: broadcastView(caller, broadcast, standing, now),
    // Read from the snapshot, so that a second cancel gets the same answer.
    tripsCancelled: trips.filter(trip => trip.status === 'cancelled').map(trip => trip.id),
    tripsKept: trucks.flatMap(truck => (truck.tripId === null ? [] : [truck.tripId])),
  }
}
