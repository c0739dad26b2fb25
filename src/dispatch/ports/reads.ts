import type { BroadcastContext, TripStatus } from '../../machines/index.js'
import type { StoredInstance } from '../../runtime/ports.js'
import type { EmittedEvent } from '../../runtime/types.js'
import type { Point } from './presence.js'

/** A place in a list: opaque to everyone but the store that gave it. */
export type Position = string

/** A stored request, and where the one who asks stands to it. */
export interface BroadcastRecord {
  readonly instance: StoredInstance
  /** How many transporters were offered it. */
  readonly notified: number
  readonly isOffered: boolean
  readonly hasDeclined: boolean
}

/** What a trip shares with its request, and what never changes. */
export type TripSurroundings = Pick<BroadcastContext, 'customerId' | 'pickup' | 'drop' | 'goods'>

export interface TripRecord {
  readonly id: string
  readonly broadcastId: string
  readonly truckId: string
  readonly customerId: string
  readonly transporterId: string
  readonly driverId: string
  readonly vehicleId: string
  readonly status: TripStatus
  readonly driver: { readonly id: string; readonly name: string; readonly phone?: string | undefined }
  readonly vehicle: { readonly id: string; readonly number: string; readonly vehicleType: string }
  readonly pickup: unknown
  readonly drop: unknown
  readonly goods?: string
  readonly assignedAt: number
  readonly startedAt?: number
  readonly endedAt?: number
}

/** An event, read later than it happened. */
export interface RecordedEvent extends EmittedEvent {
  /** Of its trip now; `null`: it has none, or the trip is gone. Absent: it was not read. */
  readonly tripStatus?: TripStatus | null
}

/** A user in one of the roles that are bound to what they stand in a relation to. */
export interface Reader {
  readonly id: string
  readonly role: 'customer' | 'transporter' | 'driver'
}

/** What a filtered list found. A look at a long list is bounded, so it may end before the list does. */
export interface Found<T> {
  readonly items: readonly T[]
  /** The id down to which was looked, where the list goes on below it and the page is not full. */
  readonly lookedDownTo?: string
}

/** Lists and look-ups over instances and trips, in Postgres. Newest first, below `before` (an id). */
export interface ReadStore {
  /** The request, if `reader` may read it: see `reader` and `owner` in access.ts. Without one, whoever asks. */
  findBroadcast(id: string, reader: Reader | undefined): Promise<BroadcastRecord | undefined>
  listOwned(owner: string, options: BroadcastListOptions): Promise<Found<BroadcastRecord>>
  listAll(options: BroadcastListOptions): Promise<Found<BroadcastRecord>>
  /** Live requests that the transporter was offered and has not declined. */
  listLiveOffers(transporterId: string, options: BroadcastListOptions): Promise<readonly BroadcastRecord[]>
  /**
   * Live requests that ask for a type the transporter owns and that it has not been offered, newest
   * first. None while it is not available.
   */
  listUnofferedLive(transporterId: string, limit: number): Promise<readonly LiveRequest[]>
  load(ids: readonly string[]): Promise<readonly StoredInstance[]>
  findTrip(tripId: string): Promise<TripRecord | undefined>
  /** The trip with the request it is of, in one query. */
  findTripAndBroadcast(tripId: string): Promise<{ trip: TripRecord; instance: StoredInstance } | undefined>
  /**
   * Events recorded at or after `since` (milliseconds since the epoch), or marked late since then: in the order in which
   * they were recorded, beyond `after`. There are more exactly when `next` is there.
   */
  eventsSince(
    since: number,
    options: { after?: Position; limit: number },
  ): Promise<{ readonly events: readonly RecordedEvent[]; readonly next?: Position }>
  /**
   * Marks at most `limit` events recorded at or after `since` as told late, and answers how many: whoever resumes from
   * a later event looks for those too. None are left when it answers 0.
   */
  markLate(since: number, limit: number): Promise<number>
  listDriverTrips(
    driverId: string,
    options: { before?: string; limit: number },
  ): Promise<readonly TripRecord[]>
}

/** What decides whether a live request reaches somebody: little, for there may be thousands. */
export interface LiveRequest {
  readonly id: string
  readonly pickup: Point
  /** The state of the machine's reach: `step_1`, …, `everyone`, `done`. */
  readonly reach: string
  readonly reachStepsKm: readonly number[]
  /** The types of open trucks. */
  readonly openTypes: readonly string[]
}

export interface BroadcastListOptions {
  readonly status?: string
  readonly before?: string
  readonly limit: number
}
