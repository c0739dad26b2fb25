import { actorOf } from './access.js'
import type { BroadcastEventAnswer, Caller, SendOptions } from './api.js'
import { asBroadcast } from './broadcast.js'
import { broadcastView } from './broadcast-view.js'
import type { PartsWithEngine } from './parts.js'
import { ok, problem, type Result } from './problems.js'
import { problemOfRefusal } from './refusals.js'

/** Two round trips: whose request it is, and the commit. When it is answered, its trips are cancelled. */
export async function cancel(
  { engine, reads }: PartsWithEngine,
  caller: Caller,
  id: string,
  { reason }: { reason?: string | undefined },
  { ifVersion }: SendOptions,
): Promise<Result<BroadcastEventAnswer>> {
  const readStartedAt = performance.now()
  const found = await reads.findBroadcast(id, caller.id)
  if (found === undefined || found.instance.owner !== caller.id) return problem('NOT_FOUND')
  const { instance: row, ...standing } = found
  const outcome = await engine.send(
    id,
    { type: 'cancel', ...(reason === undefined ? {} : { reason }) },
    {
      actor: actorOf(caller),
      loaded: { row, readStartedAt },
      ...(ifVersion === undefined ? {} : { ifVersion }),
    },
  )
  if (outcome.kind === 'refused') return problemOfRefusal(outcome.refusal)
  const broadcast = asBroadcast(outcome.instance)
  const { trips, trucks } = broadcast.snapshot.context
  return ok({
    outcome: outcome.kind,
    version: outcome.version,
    broadcast: broadcastView(caller, broadcast, standing, engine.now()),
    // Read off the snapshot, so that a second cancel answers the same.
    tripsCancelled: trips.filter(trip => trip.status === 'cancelled').map(trip => trip.id),
    tripsKept: trucks.flatMap(truck => (truck.tripId === null ? [] : [truck.tripId])),
  })
}
