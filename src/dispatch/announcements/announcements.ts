/*
 * Which event is announced to which audience, as which socket event and with which sentence: one table. It decides
 * nothing and reads nothing: subscribers.ts finds the rooms and sends. New rows go at the end of their list, because a
 * row's place is part of the id by which clients drop repetitions.
 */
import type { BroadcastEmitted, Progress, TripStatus } from '../../machines/index.js'
import type { TripSurroundings } from '../ports.js'
import { envelopeId } from '../resume/points.js'
import { isoTime, recordOfTrip, tripView } from '../views/trip-view.js'
import type { TripView } from '../views/views.js'
import { type Places, placesOfTrip } from '../views/visibility.js'
import { type AnnouncedEvent, type PushKind, pushKindOf } from './socket-events.js'

/** `watchers`: the request's room and its customer. `offered`: all transporters that were offered it, and its room. */
export type Audience = 'customer' | 'watchers' | 'driver' | 'transporter' | 'driverAndTransporter' | 'offered'

/** What a row may use: the event, and facts of the request that never change. */
export interface About<TEvent> {
  readonly event: TEvent
  readonly broadcastId: string
  readonly request: TripSurroundings
  /** The trip of the event, as the row's audience sees it. */
  trip(): TripView
}

export interface Announcement<TEvent> {
  readonly to: Audience
  readonly type: AnnouncedEvent
  when?(event: TEvent): boolean
  title(event: TEvent): string
  data(about: About<TEvent>): Readonly<Record<string, unknown>>
}

type Emitted<TType> = Extract<BroadcastEmitted, { type: TType }>
type Table = { readonly [T in BroadcastEmitted['type']]: readonly Announcement<Emitted<T>>[] }

const progressOf = ({ status, trucksFilled, trucksNeeded }: Progress) => ({
  status,
  trucksFilled,
  trucksNeeded,
})

/** Where the customer can retry for the missing trucks. */
export const retryLink = (broadcastId: string) => ({
  retry: { href: `/api/v1/broadcasts/${broadcastId}/retry` },
})

function progressTitle({ status, trucksFilled, trucksNeeded }: Progress): string {
  switch (status) {
    case 'searching':
      return 'Looking for trucks'
    case 'partially_filled':
      return `${trucksFilled} of ${trucksNeeded} trucks confirmed`
    case 'fully_filled':
      return 'All trucks confirmed'
    case 'cancelled':
      return 'Request cancelled'
    case 'expired':
      return 'Request expired'
  }
}

const updated = {
  to: 'watchers',
  type: 'booking_updated',
  title: progressTitle,
  data: ({ event }: About<Progress>) => progressOf(event),
} as const

const offeredEnd = (reason: 'timeout' | 'customer_cancelled' | 'fully_filled', title: string) =>
  ({
    to: 'offered',
    type: 'booking_expired',
    title: () => title,
    data: () => ({ reason }),
  }) as const

export const announcements: Table = {
  'broadcast.created': [updated],
  // The reach has its own subscriber, because its audience depends on which drivers are near.
  'reach.widened': [],
  'truck.assigned': [
    {
      to: 'driver',
      type: 'trip_assigned',
      title: () => 'New trip assigned',
      data: about => ({ trip: about.trip() }),
    },
    {
      to: 'customer',
      type: 'truck_confirmed',
      title: ({ trip }) => `Truck ${trip.vehicle.number} confirmed`,
      data: about => ({ trip: about.trip(), ...progressOf(about.event) }),
    },
    updated,
  ],
  'truck.released': [
    {
      to: 'driver',
      type: 'trip_cancelled',
      title: () => 'Trip cancelled',
      data: about => ({ trip: about.trip(), reason: about.event.by }),
    },
    {
      to: 'transporter',
      type: 'trip_cancelled',
      // A transporter that released the truck itself knows.
      when: ({ by }) => by === 'abandon',
      title: () => 'Trip cancelled',
      data: about => ({ trip: about.trip(), reason: about.event.by }),
    },
    {
      to: 'customer',
      type: 'truck_released',
      title: ({ retryable }) =>
        retryable ? 'A truck was given back. Ask again for it.' : 'A truck was given back',
      data: about => ({
        trip: about.trip(),
        ...progressOf(about.event),
        ...(about.event.retryable ? retryLink(about.broadcastId) : {}),
      }),
    },
    {
      ...updated,
      data: ({ event }) => ({ ...progressOf(event), ...(event.reopened ? { reopened: true } : {}) }),
    },
  ],
  'trip.started': [updated],
  'trip.completed': [updated],
  'trip.cancelled': [
    {
      to: 'driverAndTransporter',
      type: 'trip_cancelled',
      title: () => 'Trip cancelled',
      data: about => ({ trip: about.trip(), reason: 'customer_cancelled' }),
    },
  ],
  // That it is full was announced by `booking_updated`, with the truck that filled it.
  'broadcast.filled': [offeredEnd('fully_filled', 'No longer available')],
  'broadcast.cancelled': [offeredEnd('customer_cancelled', 'Request cancelled'), updated],
  'broadcast.expired': [
    offeredEnd('timeout', 'Request expired'),
    {
      to: 'customer',
      type: 'no_vehicles_available',
      when: ({ trucksFilled }) => trucksFilled === 0,
      title: () => 'No transporters found',
      data: ({ event, broadcastId }) => ({ ...progressOf(event), ...retryLink(broadcastId) }),
    },
    {
      to: 'customer',
      type: 'booking_expired',
      when: ({ trucksFilled }) => trucksFilled > 0,
      title: () => 'Request expired',
      data: ({ event, broadcastId }) => ({
        reason: 'timeout',
        ...progressOf(event),
        ...retryLink(broadcastId),
      }),
    },
    updated,
  ],
}

export interface Said {
  readonly to: Audience
  /** Whether it wakes people, and how it is then pushed. */
  readonly push: PushKind | null
  readonly envelope: {
    readonly id: string
    readonly broadcastId: string
    readonly tripId?: string
    readonly version: number
    readonly type: AnnouncedEvent
    readonly at: string
    readonly data: Readonly<Record<string, unknown>>
  }
}

/**
 * Returns what an event says, and to which audience. Pure; ids are the same each time. `tripStatus`: the present status
 * of the event's trip, if it is said later. The driver and transporter of a trip that has ended no longer get exact
 * places.
 */
export function announce(
  event: BroadcastEmitted,
  source: {
    readonly instance: string
    readonly version: number
    readonly index: number
    readonly at: number
  },
  request: TripSurroundings,
  tripStatus?: TripStatus | null,
): readonly Said[] {
  const rows = announcements[event.type] as readonly Announcement<BroadcastEmitted>[]
  const { instance, version, index, at } = source
  const shown = new Map<Places, TripView>()
  const tripFor = (to: Audience) => {
    if (!('trip' in event)) throw new Error(`An announcement of ${event.type} asks for a trip`)
    const role = to === 'customer' ? 'customer' : 'driver'
    const places = placesOfTrip(role, tripStatus === undefined ? event.trip.status : tripStatus)
    const view = shown.get(places) ?? tripView(recordOfTrip(event.trip, instance, request), places)
    shown.set(places, view)
    return view
  }
  return rows.flatMap((row, n) => {
    if (row.when?.(event) === false) return []
    const data = row.data({ event, broadcastId: instance, request, trip: () => tripFor(row.to) })
    const envelope = {
      id: envelopeId({ instance, version, index, n, at }),
      broadcastId: instance,
      version,
      type: row.type,
      at: isoTime(at),
      data: { title: row.title(event), ...data },
      ...('trip' in event ? { tripId: event.trip.id } : {}),
    }
    return [{ to: row.to, push: pushKindOf(row.type), envelope }]
  })
}
