/*
 * How much of a request its readers see, and for how long: one table. access.ts decides who may read a request, and
 * that right never ends. Here a reader sees less after its part in the request has ended. Every view of a request or a
 * trip is checked here when it is shown, also for a kept answer or a late event. See ADR 69.
 */
import { isStanding, refuseByState, type TripStatus } from '../../machines/index.js'
import { readerOf } from '../access.js'
import type { Broadcast } from '../broadcasts/broadcast.js'
import type { Caller, Role } from '../person.js'
import type { Place } from '../requests.js'
import type { BroadcastView, TripView } from './views.js'

export type Places = 'exact' | 'rounded'

export interface Sight {
  readonly notes: boolean
  /** `exact` has addresses. `rounded` is to 0.01° and has none. */
  readonly places: Places
  /** Trips of taken trucks: all of them, or only those of the reader or its driver. */
  readonly trips: 'all' | 'own'
}

/**
 * What a reader is to a request at one moment. `who` is for docs/authorization.md. A trip counts while it is assigned,
 * in progress or completed. A released, cancelled or abandoned trip does not count: after an accept and a release, a
 * transporter has the part that it had before.
 */
export const parts = {
  owner: { who: 'its customer; an admin or a viewer', notes: true, places: 'exact', trips: 'all' },
  carrier: {
    who: 'a transporter or driver with an assigned, started or completed trip',
    notes: true,
    places: 'exact',
    trips: 'own',
  },
  bidder: {
    who: 'any other transporter that may read it, while it can be accepted',
    notes: false,
    places: 'exact',
    trips: 'own',
  },
  bystander: { who: 'every other reader', notes: false, places: 'rounded', trips: 'own' },
} as const satisfies Readonly<Record<string, Sight & { readonly who: string }>>

/** Pure. `now` is in milliseconds. A request is over after its deadline, even if its timer is late. */
export function sightOf(caller: Caller, { snapshot }: Pick<Broadcast, 'snapshot'>, now: number): Sight {
  const { customerId, trips } = snapshot.context
  const reader = readerOf(caller)
  if (reader === undefined) return parts.owner
  switch (reader.role) {
    case 'customer':
      return reader.id === customerId ? parts.owner : parts.bystander
    case 'driver':
      return trips.some(trip => trip.driver.id === reader.id && isStanding(trip))
        ? parts.carrier
        : parts.bystander
    case 'transporter':
      if (trips.some(trip => trip.transporterId === reader.id && isStanding(trip))) return parts.carrier
      return refuseByState(snapshot, { at: now }) === undefined ? parts.bidder : parts.bystander
  }
}

/**
 * How exact the places of a trip are for a caller that may see it. `status`: the present one, `null` if the trip is
 * gone.
 */
export function placesOfTrip(role: Role, status: TripStatus | null): Places {
  if (role !== 'transporter' && role !== 'driver') return parts.owner.places
  return status !== null && isStanding({ status }) ? parts.carrier.places : parts.bystander.places
}

/** 0.01° is about a kilometre. It shows the district, not the gate. */
const STEPS_PER_DEGREE = 100

/** Adding 0 turns -0 into 0. -0.004 is rounded to -0. */
const rounded = (degrees: number) => Math.round(degrees * STEPS_PER_DEGREE) / STEPS_PER_DEGREE + 0

export function shownPlace(place: Place, places: Places): Place {
  return places === 'exact' ? place : { lat: rounded(place.lat), lng: rounded(place.lng) }
}

const withPlaces = <T extends { readonly pickup: Place; readonly drop: Place }>(
  view: T,
  places: Places,
): T => ({
  ...view,
  pickup: shownPlace(view.pickup, places),
  drop: shownPlace(view.drop, places),
})

/** Removes from an earlier view what may no longer be seen. It never adds anything. */
export function limitBroadcast(view: BroadcastView, { notes: mayReadNotes, places }: Sight): BroadcastView {
  const { notes, ...rest } = view
  return {
    ...withPlaces(rest, places),
    ...(mayReadNotes && notes !== undefined ? { notes } : {}),
    trucks: view.trucks.map(truck =>
      truck.trip === undefined ? truck : { ...truck, trip: limitTrip(truck.trip, places) },
    ),
  }
}

/** The same for a trip. */
export const limitTrip = (view: TripView, places: Places): TripView => withPlaces(view, places)
