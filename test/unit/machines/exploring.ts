/*
 * Every situation that a request for three trucks can get into with at most four trips, found by
 * trying everything everywhere. Two situations count as one when state and trips are alike.
 */
import type { BroadcastEvent, BroadcastSnapshot } from '../../../src/machines/index.js'
import { isLive, openTypes } from '../../../src/machines/index.js'
import {
  accept,
  cancel,
  create,
  deadline,
  leafOf,
  send,
  type TripEventType,
  timer,
  tripEvent,
  WINDOW,
} from './stepping.js'

export const TRIP_EVENT_TYPES: readonly TripEventType[] = [
  'trip.start',
  'trip.complete',
  'trip.release',
  'trip.abandon',
]

const MAX_TRIPS = 4

/** Of past trips it matters only which ends there have been. */
const likeness = (snapshot: BroadcastSnapshot) => {
  const { trips } = snapshot.context
  const live = trips.filter(isLive).map(trip => `${trip.status} ${trip.vehicle.vehicleType}`)
  const past = new Set(trips.filter(trip => !isLive(trip)).map(trip => trip.status))
  return JSON.stringify([leafOf(snapshot), live.sort(), [...past].sort(), openTypes(snapshot.context)])
}

/** An accept by someone new. */
export const newAccept = (snapshot: BroadcastSnapshot, vehicleType: string) => {
  const n = snapshot.context.trips.length + 1
  return accept(n, { vehicle: { id: `vehicle-${n}`, number: 'KA 01', vehicleType } })
}

function eventsIn(snapshot: BroadcastSnapshot): readonly BroadcastEvent[] {
  const { context } = snapshot
  const accepts = context.trips.length === MAX_TRIPS ? [] : openTypes(context)
  return [
    ...accepts.map(type => newAccept(snapshot, type)),
    ...context.trips.flatMap((_, index) => TRIP_EVENT_TYPES.map(type => tripEvent(type, index + 1))),
    cancel(),
    deadline(),
    timer(WINDOW),
  ]
}

export function exploreBroadcast(): readonly BroadcastSnapshot[] {
  const first = create({
    trucks: [
      { vehicleType: 'tata_ace', count: 2 },
      { vehicleType: '14ft', count: 1 },
    ],
  }).snapshot
  const known = new Map([[likeness(first), first]])
  for (const snapshot of known.values()) {
    for (const event of eventsIn(snapshot)) {
      const next = send(snapshot, event).snapshot
      if (!known.has(likeness(next))) known.set(likeness(next), next)
    }
  }
  return [...known.values()]
}
