/*
 * The shapes that leave the house. Who sees which field of them is decided in broadcast-view, trip-view and
 * fleet-view, and nowhere else.
 */
import type { Place } from '../requests.js'

export interface TripView {
  readonly id: string
  readonly broadcastId: string
  readonly truckId: string
  readonly status: string
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

export interface BroadcastView {
  readonly id: string
  readonly status: string
  readonly version: number
  readonly kind: 'booking' | 'order'
  readonly customerId: string
  readonly pickup: Place
  readonly drop: Place
  readonly goods?: string
  readonly notes?: string
  readonly pricePerTruck?: number
  readonly trucksNeeded: number
  readonly trucksFilled: number
  readonly trucks: readonly {
    readonly id: string
    readonly vehicleType: string
    readonly status: 'open' | 'taken'
    readonly trip?: TripView
  }[]
  readonly reach: {
    readonly step: number | 'everyone' | 'done'
    readonly radiusKm: number | null
    readonly notified: number
  }
  readonly createdAt: string
  readonly updatedAt: string
  readonly expiresAt: string
  readonly endedAt?: string
  readonly endReason?: 'filled' | 'cancelled' | 'timeout' | 'truck_released'
  readonly nextEvents: readonly string[]
}

export interface CreatedBroadcastView extends BroadcastView {
  readonly timeoutSeconds: number
  readonly matchingTransportersCount: number
}

export interface AssignmentView {
  readonly id: string
  readonly tripId: string
  readonly truckId: string
  readonly driverId: string
  readonly vehicleId: string
  readonly trucksConfirmed: number
  readonly isFullyFilled: boolean
}

export interface HistoryItem {
  readonly version: number
  readonly event: Readonly<Record<string, unknown>>
  readonly status: string
  readonly at: string
  readonly actor: { readonly id: string; readonly role: string }
}

export interface DriverView {
  readonly id: string
  readonly name: string
  readonly phone?: string
  readonly isOnline: boolean
  readonly isBusy: boolean
  readonly lastSeenAt?: string
  readonly location?: { readonly lat: number; readonly lng: number }
  readonly vehicleId?: string
}

export interface VehicleView {
  readonly id: string
  readonly vehicleType: string
  readonly number: string
  readonly isBusy: boolean
}
