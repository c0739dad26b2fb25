/* A trip as customer, transporter, driver and admin see it alike: whoever may see it sees all of it. */
import type { BroadcastContext, Trip } from '../../machines/index.js'
import type { TripRecord } from '../ports.js'
import type { Place } from '../requests.js'
import type { TripView } from './views.js'

export const isoTime = (ms: number) => new Date(ms).toISOString()

/** What a trip shares with its request, and what never changes. */
export type TripSurroundings = Pick<BroadcastContext, 'customerId' | 'pickup' | 'drop' | 'goods'>

export function recordOfTrip(trip: Trip, broadcastId: string, request: TripSurroundings): TripRecord {
  const { customerId, pickup, drop, goods } = request
  return {
    ...trip,
    broadcastId,
    customerId,
    driverId: trip.driver.id,
    vehicleId: trip.vehicle.id,
    pickup,
    drop,
    ...(goods === undefined ? {} : { goods }),
  }
}

export function tripView(trip: TripRecord): TripView {
  const { goods, startedAt, endedAt } = trip
  return {
    id: trip.id,
    broadcastId: trip.broadcastId,
    truckId: trip.truckId,
    status: trip.status,
    pickup: trip.pickup as Place,
    drop: trip.drop as Place,
    ...(goods === undefined ? {} : { goods }),
    driver: trip.driver,
    vehicle: trip.vehicle,
    driverId: trip.driverId,
    vehicleId: trip.vehicleId,
    transporterId: trip.transporterId,
    assignedAt: isoTime(trip.assignedAt),
    ...(startedAt === undefined ? {} : { startedAt: isoTime(startedAt) }),
    ...(endedAt !== undefined && trip.status === 'completed' ? { completedAt: isoTime(endedAt) } : {}),
    ...(endedAt === undefined ? {} : { endedAt: isoTime(endedAt) }),
  }
}
