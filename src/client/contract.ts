/*
 * The public contract as an app sees it: what it sends and what it gets. The client imports nothing of the server, so
 * these types are written here. A test checks them against the server's. Times are ISO 8601 UTC, distances kilometres.
 */

export interface Place {
  readonly lat: number
  readonly lng: number
  readonly address?: string | undefined
}

export type BroadcastStatus = 'searching' | 'partially_filled' | 'fully_filled' | 'cancelled' | 'expired'
export type TripStatus = 'assigned' | 'started' | 'completed' | 'released' | 'cancelled' | 'abandoned'

/**
 * The transporter and the driver of a trip see its exact places while it is assigned, started or completed. After it
 * was released, cancelled or abandoned, they see the places rounded to 0.01° and without `address`.
 */
export interface Trip {
  readonly id: string
  readonly broadcastId: string
  readonly truckId: string
  readonly status: TripStatus
  readonly pickup: Place
  readonly drop: Place
  readonly goods?: string
  readonly driver: { readonly id: string; readonly name: string; readonly phone?: string | undefined }
  readonly vehicle: { readonly id: string; readonly number: string; readonly vehicleType: string }
  readonly driverId: string
  readonly vehicleId: string
  readonly transporterId: string
  readonly assignedAt: string
  readonly startedAt?: string
  readonly completedAt?: string
  readonly endedAt?: string
}

export interface Truck {
  readonly id: string
  readonly vehicleType: string
  readonly status: 'open' | 'taken'
  /** The trip of a taken truck, if the caller may see it. */
  readonly trip?: Trip
}

/**
 * What a caller sees of a request depends on its part in it: see the table in docs/authorization.md. A driver, or a
 * transporter that can no longer accept, sees exact places with `address` only while it has a trip of the request that
 * is assigned, started or completed.
 */
export interface Broadcast {
  readonly id: string
  readonly status: BroadcastStatus
  readonly version: number
  readonly kind: 'booking' | 'order'
  readonly customerId: string
  readonly pickup: Place
  readonly drop: Place
  readonly goods?: string
  /**
   * For the customer, and for the transporter and driver of a trip that is assigned, started or completed. An offer has
   * none.
   */
  readonly notes?: string
  readonly pricePerTruck?: number
  readonly trucksNeeded: number
  readonly trucksFilled: number
  readonly trucks: readonly Truck[]
  readonly reach: {
    readonly step: number | 'everyone' | 'done'
    readonly radiusKm: number | null
    readonly notified: number
  }
  readonly createdAt: string
  readonly updatedAt: string
  /** For countdowns. */
  readonly expiresAt: string
  readonly endedAt?: string
  readonly endReason?: 'filled' | 'cancelled' | 'timeout' | 'truck_released'
  /** The events that the caller may send now. */
  readonly nextEvents: readonly string[]
}

export interface CreatedBroadcast extends Broadcast {
  readonly timeoutSeconds: number
  readonly matchingTransportersCount: number
}

export interface Assignment {
  readonly id: string
  readonly tripId: string
  readonly truckId: string
  readonly driverId: string
  readonly vehicleId: string
  readonly trucksConfirmed: number
  readonly isFullyFilled: boolean
}

export interface BroadcastAnswer {
  readonly outcome: 'applied' | 'unchanged'
  readonly version: number
  readonly broadcast: Broadcast
  /** In the answer to an accept. */
  readonly assignment?: Assignment
  /** In the answer to a cancel. */
  readonly tripsCancelled?: readonly string[]
  readonly tripsKept?: readonly string[]
}

export interface TripAnswer {
  readonly outcome: 'applied' | 'unchanged'
  readonly version: number
  readonly trip: Trip
}

export interface HistoryItem {
  readonly version: number
  readonly event: Readonly<Record<string, unknown>>
  readonly status: string
  readonly at: string
  readonly actor: {
    readonly id: string
    readonly role: string
    /** Why an administrator stepped in. Only administrators see it. */
    readonly reason?: string
    /** The timer that fired. */
    readonly sendId?: string
    /** The W3C `traceparent`, if traces are collected. Only administrators see it. */
    readonly trace?: string
  }
}

export interface Driver {
  readonly id: string
  readonly name: string
  readonly phone?: string
  /** The driver has agreed to be in this fleet. Until then nothing else is known of it, and it cannot be assigned. */
  readonly confirmed: boolean
  readonly isOnline: boolean
  readonly isBusy: boolean
  readonly lastSeenAt?: string
  readonly location?: { readonly lat: number; readonly lng: number }
  readonly vehicleId?: string
}

export interface DriverFleet {
  readonly transporterId: string | null
  /** Newest first. */
  readonly invitations: readonly { readonly transporterId: string; readonly invitedAt: string }[]
}

export interface Vehicle {
  readonly id: string
  readonly vehicleType: string
  readonly number: string
  readonly isBusy: boolean
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly nextCursor: string | null
}

export interface PageQuery {
  readonly limit?: number
  readonly cursor?: string
}

interface Load {
  readonly pickup: Place
  readonly drop: Place
  readonly goods?: string
  readonly notes?: string
  readonly pricePerTruck?: number
}

export interface NewBroadcast extends Load {
  readonly trucks: readonly { readonly vehicleType: string; readonly count: number }[]
}

export interface NewBooking extends Load {
  readonly vehicleType: string
  readonly trucksNeeded: number
}

export interface NewOrder extends Load {
  readonly truckRequests: readonly { readonly vehicleType: string; readonly quantity: number }[]
}

export type BroadcastEvent =
  | { readonly type: 'accept'; readonly driverId: string; readonly vehicleId: string }
  | { readonly type: 'cancel'; readonly reason?: string }
  | { readonly type: 'decline'; readonly reason?: string }

export type TripEvent =
  | { readonly type: 'start' | 'complete' }
  | { readonly type: 'release' | 'abandon'; readonly reason?: string }

/** A driver's heartbeat needs its location. A transporter's may be empty. */
export interface Beat {
  readonly lat?: number
  readonly lng?: number
  readonly vehicleId?: string
}
