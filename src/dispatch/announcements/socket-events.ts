/*
 * The events that clients get on sockets, and what each asks of their devices. One table: sockets ask for acknowledgements
 * by it, pushes are queued and sent by it. announcements.ts says which event goes to whom.
 */

/** How an event is pushed to a device that has not acknowledged it. */
export interface PushKind {
  /** From the event on. A device that comes online later does not get it. */
  readonly lifeMs: number
  /** True if a newer one about the same request replaces it, because the newest says everything. */
  readonly collapses: boolean
}

/** A driver who has no network for a day has read its trips before the push would come. */
const TRIP: PushKind = { lifeMs: 24 * 3_600_000, collapses: false }
/** An hour later, the state of a request is found in the app, and is no reason to wake a person. */
const NEWS: PushKind = { lifeMs: 3_600_000, collapses: true }
/** The statement that makes an offer also queues its push, which lives until the request's deadline. */
const OFFER = { lifeMs: 'deadline', collapses: false } as const

/** `null`: it wakes nobody, so it is not acknowledged and never pushed. */
const socketEvents = {
  new_broadcast: OFFER,
  booking_updated: null,
  booking_expired: NEWS,
  truck_confirmed: NEWS,
  truck_released: NEWS,
  no_vehicles_available: NEWS,
  trip_assigned: TRIP,
  trip_cancelled: TRIP,
  driver_status_changed: null,
} as const satisfies Readonly<Record<string, PushKind | typeof OFFER | null>>

export type SocketEvent = keyof typeof socketEvents
export const socketEventTypes = Object.keys(socketEvents) as readonly SocketEvent[]

/** The rows of announcements.ts use these. The other events are told by the parts that know their receivers. */
export type AnnouncedEvent = Exclude<SocketEvent, 'new_broadcast' | 'driver_status_changed'>

export const pushKindOf = (type: AnnouncedEvent): PushKind | null => socketEvents[type]

/** `type` may come from another release, whose other events wake nobody here. */
const kindOf = (type: string) =>
  Object.hasOwn(socketEvents, type) ? socketEvents[type as SocketEvent] : null

/** Clients acknowledge what wakes people. What is not acknowledged is pushed. An event without an id cannot be. */
export const wakesPeople = ({ id, type }: { readonly id?: string; readonly type: string }): boolean =>
  id !== undefined && kindOf(type) !== null

export const collapses = (type: string): boolean => kindOf(type)?.collapses ?? false
