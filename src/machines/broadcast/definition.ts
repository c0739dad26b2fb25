/*
 * What a broadcast needs to be stored, beyond its machine. It has the shape of the runtime's `Definition` without
 * importing it, because machines know nothing of the runtime.
 */
import { broadcastCommands, broadcastInput } from './events.js'
import { broadcastMachine, isLive } from './machine.js'
import { refuse, refuseClaim, refusePermanently } from './refusals.js'
import type { BroadcastEvent, Trip } from './types.js'
import { type BroadcastSnapshot, broadcastStatus, isSeeking } from './views.js'

/**
 * The customer may have one request that seeks. A driver and a vehicle may have one trip. An expired request may be
 * retried once, so its retry keeps that claim for good. That claim comes first, because it is the reason to report.
 */
function claims(snapshot: BroadcastSnapshot): readonly string[] {
  const { customerId, trips, retryOf } = snapshot.context
  const keys: string[] = []
  if (retryOf !== undefined) keys.push(`retry:${retryOf}`)
  if (isSeeking(snapshot)) keys.push(`customer:${customerId}`)
  for (const trip of trips) if (isLive(trip)) keys.push(...tripClaims(trip))
  return keys
}

const claimsOfTrips = new WeakMap<Trip, readonly [driver: string, vehicle: string]>()

/** Cached for each trip: otherwise each accept of a large request would build the keys of all earlier trips again. */
function tripClaims(trip: Trip): readonly string[] {
  let keys = claimsOfTrips.get(trip)
  if (keys === undefined) {
    keys = [`driver:${trip.driver.id}`, `vehicle:${trip.vehicle.id}`]
    claimsOfTrips.set(trip, keys)
  }
  return keys
}

const isoTime = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString())

function tripRow(trip: Trip, customerId: string) {
  return {
    id: trip.id,
    truck_id: trip.truckId,
    customer_id: customerId,
    transporter_id: trip.transporterId,
    driver_id: trip.driver.id,
    vehicle_id: trip.vehicle.id,
    status: trip.status,
    driver: trip.driver,
    vehicle: trip.vehicle,
    assigned_at: isoTime(trip.assignedAt),
    started_at: isoTime(trip.startedAt),
    ended_at: isoTime(trip.endedAt),
  }
}

const tripProjection = {
  table: 'trips',
  columns: {
    id: 'uuid',
    truck_id: 'text',
    customer_id: 'text',
    transporter_id: 'text',
    driver_id: 'text',
    vehicle_id: 'text',
    status: 'text',
    driver: 'jsonb',
    vehicle: 'jsonb',
    assigned_at: 'timestamptz',
    started_at: 'timestamptz',
    ended_at: 'timestamptz',
  },
  rows: ({ context }: BroadcastSnapshot) => context.trips.map(trip => tripRow(trip, context.customerId)),
} as const

export const broadcastDefinition = {
  name: 'broadcast',
  version: 1,
  machine: broadcastMachine,
  input: broadcastInput,
  commands: broadcastCommands,
  status: broadcastStatus,
  owner: (snapshot: BroadcastSnapshot) => snapshot.context.customerId,
  claims,
  /** The cast is safe: commands have been parsed and timers are the machine's own. */
  refuse: (snapshot: BroadcastSnapshot, event: { readonly type: string }) =>
    refuse(snapshot, event as BroadcastEvent),
  refusePermanently,
  refuseClaim,
  urgent: ['cancel'],
  projections: [tripProjection],
} as const
