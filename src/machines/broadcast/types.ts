/*
 * The types of the broadcast machine: its context, the events it receives and the events it emits. All of it is plain
 * JSON. Times are milliseconds since the epoch, and distances are kilometres.
 */
import type { BroadcastCommand, BroadcastInput } from './events.js'

/** Added by the runtime to the input and to every event. */
export interface Stamp {
  readonly at: number
  readonly uid: string
}

export type BroadcastStatus = 'searching' | 'partially_filled' | 'fully_filled' | 'cancelled' | 'expired'
export type EndReason = 'filled' | 'cancelled' | 'timeout' | 'truck_released'
export type TripStatus = 'assigned' | 'started' | 'completed' | 'released' | 'cancelled' | 'abandoned'
/** How far an offer has gone out. A number is a position in `reachStepsKm`, from 1. */
export type ReachStep = 1 | 2 | 3 | 4 | 'everyone'

type Place = BroadcastInput['pickup']
type Accept = Extract<BroadcastCommand, { type: 'accept' }>

export interface Trip {
  /** The uid of the accept that made the trip. */
  readonly id: string
  readonly truckId: string
  readonly status: TripStatus
  readonly transporterId: string
  readonly driver: Accept['driver']
  readonly vehicle: Accept['vehicle']
  readonly assignedAt: number
  readonly startedAt?: number
  /** When it was completed, released, cancelled or abandoned. */
  readonly endedAt?: number
}

export interface Truck {
  /** `t1`, `t2`, … in the order of the request. */
  readonly id: string
  readonly vehicleType: string
  /** The assigned, started or completed trip that has taken the truck. `null` if it is open. */
  readonly tripId: string | null
}

/** The whole context is written at every transition, so keep it compact. */
export interface BroadcastContext {
  readonly customerId: string
  readonly kind: 'booking' | 'order'
  readonly pickup: Place
  readonly drop: Place
  readonly goods?: string
  readonly notes?: string
  readonly pricePerTruck?: number
  readonly fingerprint?: string
  readonly retryOf?: string
  readonly trucks: readonly Truck[]
  /** Includes past trips, oldest first. */
  readonly trips: readonly Trip[]
  readonly createdAt: number
  readonly expiresAt: number
  /** When and how it last ended. A full request may still be cancelled. */
  readonly endedAt?: number
  readonly endReason?: EndReason
  readonly timeoutMs: number
  readonly reachStepMs: number
  readonly reachStepsKm: readonly number[]
  readonly cancelWindowMs: number
}

/** The machine itself raises `reach.stop`. */
export type BroadcastEvent = (BroadcastCommand & Stamp) | { type: 'reach.stop' }

interface Emitted<TType extends string> {
  readonly type: TType
  /** The users directly concerned: customer, driver, transporter. */
  readonly audience: readonly string[]
}

export interface Progress {
  readonly status: BroadcastStatus
  readonly trucksFilled: number
  readonly trucksNeeded: number
}

export type BroadcastEmitted =
  | (Emitted<'broadcast.created'> & Progress)
  | (Emitted<'reach.widened'> & { readonly step: ReachStep; readonly radiusKm: number | null })
  | (Emitted<'truck.assigned'> & Progress & { readonly trip: Trip })
  | (Emitted<'truck.released'> &
      Progress & {
        readonly trip: Trip
        readonly by: 'release' | 'abandon'
        readonly reason?: string
        /** True if the request still seeks, so the truck is on offer again. */
        readonly reopened: boolean
        /** True if the request has expired, so the customer may request the missing trucks again. */
        readonly retryable: boolean
      })
  | (Emitted<'trip.started'> & Progress & { readonly trip: Trip })
  | (Emitted<'trip.completed'> & Progress & { readonly trip: Trip })
  | (Emitted<'trip.cancelled'> & Progress & { readonly trip: Trip })
  | (Emitted<'broadcast.filled'> & Progress)
  | (Emitted<'broadcast.cancelled'> &
      Progress & {
        readonly reason?: string
        readonly tripsCancelled: number
        /** The number of trips that had started or were completed before the cancel. */
        readonly tripsKept: number
      })
  | (Emitted<'broadcast.expired'> & Progress & { readonly endReason: 'timeout' })
