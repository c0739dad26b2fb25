/*
 * A request as its readers see it. visibility.ts decides how much each reader sees. A truck whose trip the reader may
 * not see is `taken` and has no `trip`.
 */
import { broadcastStatus, nextEvents, reachOf, trucksFilled } from '../../machines/index.js'
import { defined } from '../../types/defined.js'
import { maySeeTrip } from '../access.js'
import type { Broadcast } from '../broadcasts/broadcast.js'
import type { Caller } from '../person.js'
import { isoTime, recordOfTrip, tripView } from './trip-view.js'
import type { BroadcastView } from './views.js'
import { shownPlace, sightOf } from './visibility.js'

/** Facts that are not in the snapshot. */
export interface Standing {
  readonly notified: number
  readonly isOffered: boolean
  readonly hasDeclined: boolean
}

/**
 * The events that the caller may send now to this request: `cancel`, `accept` or `decline`, and for an admin any
 * command. Events of trips are in the trip's own view.
 */
function nextEventsFor(
  caller: Caller,
  { snapshot }: Broadcast,
  standing: Standing,
  now: number,
): readonly string[] {
  const possible = nextEvents(snapshot, now)
  switch (caller.role) {
    case 'customer':
      return possible.filter(type => type === 'cancel')
    case 'transporter':
      if (!possible.includes('accept')) return []
      return standing.isOffered && !standing.hasDeclined ? ['accept', 'decline'] : ['accept']
    case 'driver':
    case 'viewer':
      return []
    case 'admin':
      return possible
  }
}

/** Pure. `now` is in milliseconds. The caller must be allowed to read the request. */
export function broadcastView(
  caller: Caller,
  broadcast: Broadcast,
  standing: Standing,
  now: number,
): BroadcastView {
  const { context } = broadcast.snapshot
  const { goods, notes, pricePerTruck, endedAt, endReason } = context
  const sight = sightOf(caller, broadcast, now)
  const trips = new Map(context.trips.map(trip => [trip.id, trip]))
  return {
    id: broadcast.id,
    status: broadcastStatus(broadcast.snapshot),
    version: broadcast.version,
    kind: context.kind,
    customerId: context.customerId,
    pickup: shownPlace(context.pickup, sight.places),
    drop: shownPlace(context.drop, sight.places),
    trucksNeeded: context.trucks.length,
    trucksFilled: trucksFilled(context),
    trucks: context.trucks.map(({ id, vehicleType, tripId }) => {
      if (tripId === null) return { id, vehicleType, status: 'open' }
      const trip = trips.get(tripId)
      if (trip === undefined) throw new Error(`Truck ${id} of ${broadcast.id} has no trip ${tripId}`)
      const record = recordOfTrip(trip, broadcast.id, context)
      const isShown = sight.trips === 'all' || maySeeTrip(caller, record)
      // The trip of a taken truck has not ended early, so a caller that may see it sees all of it.
      const shown = isShown ? { trip: tripView(record, 'exact') } : {}
      return { id, vehicleType, status: 'taken', ...shown }
    }),
    reach: { notified: standing.notified, ...reachOf(broadcast.snapshot) },
    createdAt: isoTime(broadcast.createdAt),
    updatedAt: isoTime(broadcast.updatedAt),
    expiresAt: isoTime(context.expiresAt),
    nextEvents: nextEventsFor(caller, broadcast, standing, now),
    ...defined({ goods }),
    ...(notes === undefined || !sight.notes ? {} : { notes }),
    ...defined({ pricePerTruck }),
    ...(endedAt === undefined ? {} : { endedAt: isoTime(endedAt) }),
    ...defined({ endReason }),
  }
}

/** The request as transporters see it in an offer: one view for all of them. */
export function offerView(broadcast: Broadcast, notified: number, now: number): BroadcastView {
  const anyone: Caller = { id: '', role: 'transporter' }
  return broadcastView(anyone, broadcast, { notified, isOffered: true, hasDeclined: false }, now)
}
