/* Events on a socket: a union by `type`. `data.title` is a sentence for users. */
import type { Broadcast, BroadcastStatus, Trip } from './contract.js'

interface Envelope<TType extends string, TData> {
  /** The same each time the event is delivered. Clients do not parse it. */
  readonly id: string
  readonly broadcastId: string
  readonly tripId?: string
  readonly version: number
  readonly type: TType
  readonly at: string
  readonly data: { readonly title: string } & TData
}

interface Progress {
  readonly status: BroadcastStatus
  readonly trucksFilled: number
  readonly trucksNeeded: number
}

interface Retry {
  readonly retry: { readonly href: string }
}

export type NewBroadcastEvent = Envelope<
  'new_broadcast',
  { readonly broadcast: Broadcast; readonly distanceKm?: number }
>
export type BookingUpdatedEvent = Envelope<'booking_updated', Progress & { readonly reopened?: true }>
/** A transporter gets only the reason. The customer also gets the progress and a link to retry. */
export type BookingExpiredEvent = Envelope<
  'booking_expired',
  { readonly reason: 'timeout' | 'customer_cancelled' | 'fully_filled' } & Partial<Progress & Retry>
>
export type TruckConfirmedEvent = Envelope<'truck_confirmed', Progress & { readonly trip: Trip }>
export type TruckReleasedEvent = Envelope<
  'truck_released',
  Progress & { readonly trip: Trip } & Partial<Retry>
>
export type NoVehiclesAvailableEvent = Envelope<'no_vehicles_available', Progress & Retry>
export type TripAssignedEvent = Envelope<'trip_assigned', { readonly trip: Trip }>
export type TripCancelledEvent = Envelope<
  'trip_cancelled',
  { readonly trip: Trip; readonly reason: 'release' | 'abandon' | 'customer_cancelled' }
>

/** Events that a resume brings again if they were missed. */
export type ResumableEvent =
  | NewBroadcastEvent
  | BookingUpdatedEvent
  | BookingExpiredEvent
  | TruckConfirmedEvent
  | TruckReleasedEvent
  | NoVehiclesAvailableEvent
  | TripAssignedEvent
  | TripCancelledEvent

/** The present status of a driver. A missed one is not repeated, because the next one has the status of its time. */
export interface DriverStatusEvent {
  readonly type: 'driver_status_changed'
  readonly at: string
  readonly data: { readonly driverId: string; readonly isOnline: boolean; readonly isBusy: boolean }
}

export type LoadcastEvent = ResumableEvent | DriverStatusEvent

/** The client missed too much, or for too long. What the app has is void, and this is the present state. */
export interface Resync {
  /** If set, only this watched request is concerned. */
  readonly broadcastId?: string
  readonly broadcasts: readonly Broadcast[]
}
