/*
 * The words of the broadcast machine: what it remembers, what it hears and what it says.
 * All of it is plain JSON; times are milliseconds since the epoch, distances kilometres.
 */
import type { BroadcastCommand, BroadcastInput } from './events.js'

/** What the runtime adds to the input and to every event. */
export interface Stamp {
  readonly at: number
  readonly uid: string
}

export type BroadcastStatus = 'searching' | 'partially_filled' | 'fully_filled' | 'cancelled' | 'expired'
export type EndReason = 'filled' | 'cancelled' | 'timeout' | 'truck_released'
export type TripStatus = 'assigned' | 'started' | 'completed' | 'released' | 'cancelled' | 'abandoned'
/** How far an offer has gone out; a number is a place in `reachStepsKm`, from 1. */
export type ReachStep = 1 | 2 | 3 | 4 | 'everyone'

type Place = BroadcastInput['pickup']
type Accept = Extract<BroadcastCommand, { type: 'accept' }>

export interface Trip {
  /** The uid of the accept that made it. */
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
  /** `t1`, `t2`, … in the order asked for. */
  readonly id: string
  readonly vehicleType: string
  /** The trip that has taken it: assigned, started or completed. `null`: open. */
  readonly tripId: string | null
}

/** Written whole at every transition: keep it compact. */
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
  /** Past ones too, oldest first. */
  readonly trips: readonly Trip[]
  readonly createdAt: number
  readonly expiresAt: number
  /** When it last came to an end, and how: a full request may still be cancelled. */
  readonly endedAt?: number
  readonly endReason?: EndReason
  readonly timeoutMs: number
  readonly reachStepMs: number
  readonly reachStepsKm: readonly number[]
  readonly cancelWindowMs: number
}

/** `reach.stop` is raised by the machine itself. */
export type BroadcastEvent = (BroadcastCommand & Stamp) | { type: 'reach.stop' }

interface Emitted<TType extends string> {
  readonly type: TType
  /** Users whom it concerns directly: customer, driver, transporter. */
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
        /** The request still seeks, so the truck is on offer again. */
        readonly reopened: boolean
        /** The request has expired: the customer may ask again for the missing trucks. */
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
        /** Started or completed before the cancel. */
        readonly tripsKept: number
      })
  | (Emitted<'broadcast.expired'> & Progress & { readonly endReason: 'timeout' })
