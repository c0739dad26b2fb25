/* A trip. All its readers see the same, except for its places: see visibility.ts. */
import type { Trip } from '../../machines/index.js'
import { defined } from '../../types/defined.js'
import type { TripRecord, TripSurroundings } from '../ports.js'
import type { Place } from '../requests.js'
import type { TripView } from './views.js'
import { type Places, shownPlace } from './visibility.js'

export const isoTime = (ms: number) => new Date(ms).toISOString()

export function recordOfTrip(trip: Trip, broadcastId: string, request: TripSurroundings): TripRecord {
  const { customerId, pickup, drop, goods } = request
  const { startedAt, endedAt } = trip
  // Field by field, with optional ones last: V8 takes a microsecond for each field that follows a copied object.
  return {
    id: trip.id,
    truckId: trip.truckId,
    status: trip.status,
    transporterId: trip.transporterId,
    driver: trip.driver,
    vehicle: trip.vehicle,
    assignedAt: trip.assignedAt,
    broadcastId,
    customerId,
    driverId: trip.driver.id,
    vehicleId: trip.vehicle.id,
    pickup,
    drop,
    ...defined({ goods, startedAt, endedAt }),
  }
}

export function tripView(trip: TripRecord, places: Places): TripView {
  const { goods, startedAt, endedAt } = trip
  return {
    id: trip.id,
    broadcastId: trip.broadcastId,
    truckId: trip.truckId,
    status: trip.status,
    pickup: shownPlace(trip.pickup as Place, places),
    drop: shownPlace(trip.drop as Place, places),
    driver: trip.driver,
    vehicle: trip.vehicle,
    driverId: trip.driverId,
    vehicleId: trip.vehicleId,
    transporterId: trip.transporterId,
    assignedAt: isoTime(trip.assignedAt),
    ...defined({ goods }),
    ...(startedAt === undefined ? {} : { startedAt: isoTime(startedAt) }),
    ...(endedAt !== undefined && trip.status === 'completed' ? { completedAt: isoTime(endedAt) } : {}),
    ...(endedAt === undefined ? {} : { endedAt: isoTime(endedAt) }),
  }
}
