import { findTrip } from '../../machines/index.js'
import { defined } from '../../types/defined.js'
import { actorOf, keyed, maySeeTrip } from '../access.js'
import type { Page, SendOptions, TripEventAnswer } from '../answers.js'
import { decodeCursor, idCursor, pageOf } from '../cursors.js'
import type { PartsWithEngine } from '../parts.js'
import type { Caller } from '../person.js'
import type { TripRecord } from '../ports.js'
import { ok, problem, type Result } from '../problems.js'
import { problemOfRefusal } from '../refusals.js'
import type { PageQuery, TripEvent } from '../requests.js'
import { recordOfTrip, tripView } from '../views/trip-view.js'
import type { TripView } from '../views/views.js'
import { placesOfTrip } from '../views/visibility.js'
import { asBroadcast, type Broadcast } from './broadcast.js'

const viewFor = ({ role }: Caller, trip: TripRecord): TripView =>
  tripView(trip, placesOfTrip(role, trip.status))

export async function getTrip(
  { reads }: PartsWithEngine,
  caller: Caller,
  tripId: string,
): Promise<Result<TripView>> {
  const trip = await reads.findTrip(tripId)
  return trip === undefined || !maySeeTrip(caller, trip) ? problem('NOT_FOUND') : ok(viewFor(caller, trip))
}

export async function sendToTrip(
  { engine, reads }: PartsWithEngine,
  caller: Caller,
  tripId: string,
  event: TripEvent,
  { ifVersion, key }: SendOptions = {},
): Promise<Result<TripEventAnswer>> {
  const readStartedAt = performance.now()
  const found = await reads.findTripAndBroadcast(tripId)
  if (found === undefined || !maySeeTrip(caller, found.trip)) return problem('NOT_FOUND')
  const { type, ...rest } = event
  const outcome = await engine.send(
    found.instance.id,
    { ...rest, type: `trip.${type}`, tripId },
    {
      actor: actorOf(caller),
      loaded: { row: found.instance, readStartedAt },
      ...defined({ ifVersion }),
      ...keyed(key),
    },
  )
  if (outcome.kind === 'replayed') return problem('IDEMPOTENCY_IN_FLIGHT', { retryAfterSeconds: 1 })
  if (outcome.kind === 'refused') return problemOfRefusal(outcome.refusal)
  return ok(tripAnswer(caller, asBroadcast(outcome.instance), tripId, outcome.kind))
}

export function tripAnswer(
  caller: Caller,
  { id, version, snapshot }: Broadcast,
  tripId: string,
  outcome: TripEventAnswer['outcome'],
): TripEventAnswer {
  const trip = findTrip(snapshot.context, tripId)
  if (trip === undefined) throw new Error(`${id} lost its trip ${tripId}`)
  return { outcome, version, trip: viewFor(caller, recordOfTrip(trip, id, snapshot.context)) }
}

export async function listDriverTrips(
  { reads }: PartsWithEngine,
  caller: Caller,
  { limit, cursor }: PageQuery,
): Promise<Result<Page<TripView>>> {
  const before = decodeCursor(idCursor, cursor)
  if (!before.ok) return before
  const trips = await reads.listDriverTrips(caller.id, {
    limit: limit + 1,
    ...defined({ before: before.value }),
  })
  return ok(
    pageOf(
      { items: trips },
      limit,
      trip => trip.id,
      trip => viewFor(caller, trip),
    ),
  )
}
