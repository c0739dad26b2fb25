/*
 * Says why the machine did not take an event, in the words of the public contract. The machine has already decided: this
 * file only names the reason, and never allows anything.
 */
import { findOpenTruck, findTrip, isLive, trucksFilled } from './machine.js'
import type { BroadcastContext, BroadcastEvent } from './types.js'
import { type BroadcastSnapshot, broadcastStatus } from './views.js'

export type BroadcastRefusalReason =
  | 'NO_LONGER_AVAILABLE'
  | 'BROADCAST_CANCELLED'
  | 'BROADCAST_EXPIRED'
  | 'VEHICLE_TYPE_MISMATCH'
  | 'DRIVER_BUSY'
  | 'VEHICLE_BUSY'
  | 'TOO_LATE_TO_CANCEL'
  | 'EVENT_NOT_ALLOWED'
  | 'ACTIVE_BROADCAST_EXISTS'
  | 'NOT_RETRYABLE'
  | 'NOT_FOUND'

export interface BroadcastRefusal {
  readonly reason: BroadcastRefusalReason
  readonly [detail: string]: unknown
}

type AcceptEvent = Extract<BroadcastEvent, { type: 'accept' }>

/**
 * Checks the request's state, by which an accept is judged first. Returns `undefined` if the request seeks and time is
 * left. Dispatch checks this before the fleet, and the fleet before the rest.
 */
export function refuseByState(
  snapshot: BroadcastSnapshot,
  { at }: { readonly at: number },
): BroadcastRefusal | undefined {
  const ended = refusePermanently(snapshot, 'accept')
  if (ended !== undefined) return ended
  return at < snapshot.context.expiresAt ? undefined : { reason: 'BROADCAST_EXPIRED' }
}

/** Nothing returns to seeking, so a request that has left it refuses every accept for good. */
export function refusePermanently(
  snapshot: BroadcastSnapshot,
  eventType: string,
): BroadcastRefusal | undefined {
  if (eventType !== 'accept') return undefined
  const status = broadcastStatus(snapshot)
  switch (status) {
    case 'fully_filled':
      return { reason: 'NO_LONGER_AVAILABLE' }
    case 'cancelled':
      return { reason: 'BROADCAST_CANCELLED' }
    case 'expired':
      return { reason: 'BROADCAST_EXPIRED' }
    case 'searching':
    case 'partially_filled':
      return undefined
    default:
      return status satisfies never
  }
}

function refuseAccept(snapshot: BroadcastSnapshot, event: AcceptEvent): BroadcastRefusal {
  const byState = refuseByState(snapshot, event)
  if (byState !== undefined) return byState
  const { trucks, trips } = snapshot.context
  const { vehicleType } = event.vehicle
  if (!trucks.some(truck => truck.vehicleType === vehicleType)) return { reason: 'VEHICLE_TYPE_MISMATCH' }
  if (findOpenTruck(snapshot.context, vehicleType) === undefined) return { reason: 'NO_LONGER_AVAILABLE' }
  const isDriverBusy = trips.some(trip => isLive(trip) && trip.driver.id === event.driver.id)
  return { reason: isDriverBusy ? 'DRIVER_BUSY' : 'VEHICLE_BUSY' }
}

/** Returns `undefined` for a second cancel, which has nothing to do. */
function refuseCancel(snapshot: BroadcastSnapshot): BroadcastRefusal | undefined {
  if (snapshot.matches({ lifecycle: 'cancelled' })) return undefined
  const nobodySetOff = snapshot.matches({ lifecycle: 'expired' }) && trucksFilled(snapshot.context) === 0
  return { reason: nobodySetOff ? 'BROADCAST_EXPIRED' : 'TOO_LATE_TO_CANCEL' }
}

function refuseTripEvent(context: BroadcastContext, type: string, tripId: string): BroadcastRefusal {
  const trip = findTrip(context, tripId)
  if (trip === undefined) return { reason: 'NOT_FOUND' }
  const isTakenBack = type === 'trip.start' && trip.status === 'cancelled'
  return { reason: isTakenBack ? 'BROADCAST_CANCELLED' : 'EVENT_NOT_ALLOWED' }
}

/**
 * Returns why the machine did not handle `event` in `snapshot`. Returns `undefined` if the event changes nothing and that
 * is fine, as with a second cancel, a late timer or the end of an earlier step.
 */
export function refuse(snapshot: BroadcastSnapshot, event: BroadcastEvent): BroadcastRefusal | undefined {
  switch (event.type) {
    case 'accept':
      return refuseAccept(snapshot, event)
    case 'cancel':
      return refuseCancel(snapshot)
    case 'trip.start':
    case 'trip.complete':
    case 'trip.release':
    case 'trip.abandon':
      return refuseTripEvent(snapshot.context, event.type, event.tripId)
    case 'reach.exhausted':
    case 'reach.stop':
      return undefined
    default:
      // Only the events of timers come here, which the type does not name. They change nothing if they are late.
      event satisfies never
      return undefined
  }
}

/** Returns why an event that needs `key` cannot be applied while the instance `holder` has it. */
export function refuseClaim(key: string, holder: string): BroadcastRefusal {
  if (key.startsWith('retry:')) return { reason: 'NOT_RETRYABLE' }
  if (key.startsWith('customer:')) return { reason: 'ACTIVE_BROADCAST_EXISTS', broadcastId: holder }
  return { reason: key.startsWith('driver:') ? 'DRIVER_BUSY' : 'VEHICLE_BUSY' }
}
