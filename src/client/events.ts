/* What comes on a socket: a union by `type`. `data.title` is a sentence for people. */
import type { Broadcast, BroadcastStatus, Trip } from './contract.js'

interface Envelope<TType extends string, TData> {
  /** One for each event, the same when it is delivered again. Opaque. */
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
/** To a transporter the reason alone; to its customer, whose time is up, with how far it came and a retry. */
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

/** Events that a resume brings again when they were missed. */
export type ResumableEvent =
  | NewBroadcastEvent
  | BookingUpdatedEvent
  | BookingExpiredEvent
  | TruckConfirmedEvent
  | TruckReleasedEvent
  | NoVehiclesAvailableEvent
  | TripAssignedEvent
  | TripCancelledEvent

/** What stands now; a later one says what stands then, so a missed one is not brought again. */
export interface DriverStatusEvent {
  readonly type: 'driver_status_changed'
  readonly at: string
  readonly data: { readonly driverId: string; readonly isOnline: boolean; readonly isBusy: boolean }
}

export type LoadcastEvent = ResumableEvent | DriverStatusEvent

/** Too much was missed, or too long ago: what the app has is void, and this is what stands now. */
export interface Resync {
  /** Of one watched request alone. */
  readonly broadcastId?: string
  readonly broadcasts: readonly Broadcast[]
}
