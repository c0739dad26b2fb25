import type { BroadcastContext, TripStatus } from '../../machines/index.js'
import type { StoredInstance } from '../../runtime/ports.js'
import type { EmittedEvent } from '../../runtime/types.js'
import type { Point } from './presence.js'

/** A place in a list. Only the store that returned it can read it. */
export type Position = string

/** A stored request, and the reader's relation to it. */
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

/** An event that is read some time after it happened. */
export interface RecordedEvent extends EmittedEvent {
  /** The present status of its trip. `null`: it has no trip, or the trip is gone. Absent: the status was not read. */
  readonly tripStatus?: TripStatus | null
}

/** A user whose role needs a relation to what it reads. */
export interface Reader {
  readonly id: string
  readonly role: 'customer' | 'transporter' | 'driver'
}

/** The result of a filtered list. The search is bounded, so it may stop before the end of the list. */
export interface Found<T> {
  readonly items: readonly T[]
  /** The id at which the search stopped, if the page is not full and the list continues. */
  readonly lookedDownTo?: string
}

/** Lists and look-ups over instances and trips, in Postgres. Newest first, below `before` (an id). */
export interface ReadStore {
  /** The request, if `reader` may read it: see `reader` and `owner` in access.ts. Without a reader, any request. */
  findBroadcast(id: string, reader: Reader | undefined): Promise<BroadcastRecord | undefined>
  listOwned(owner: string, options: BroadcastListOptions): Promise<Found<BroadcastRecord>>
  listAll(options: BroadcastListOptions): Promise<Found<BroadcastRecord>>
  /** Live requests that the transporter was offered and has not declined. */
  listLiveOffers(transporterId: string, options: BroadcastListOptions): Promise<readonly BroadcastRecord[]>
  /**
   * Live requests for a type that the transporter owns and that it has not been offered, newest first. None if the
   * transporter is not available.
   */
  listUnofferedLive(transporterId: string, limit: number): Promise<readonly LiveRequest[]>
  load(ids: readonly string[]): Promise<readonly StoredInstance[]>
  findTrip(tripId: string): Promise<TripRecord | undefined>
  /** The trip and its request, in one query. */
  findTripAndBroadcast(tripId: string): Promise<{ trip: TripRecord; instance: StoredInstance } | undefined>
  /**
   * Events recorded, or marked late, at or after `since` (milliseconds since the epoch). They are in the order in which
   * they were recorded, beyond `after`. `next` is there exactly if there are more.
   */
  eventsSince(
    since: number,
    options: { after?: Position; limit: number },
  ): Promise<{ readonly events: readonly RecordedEvent[]; readonly next?: Position }>
  /**
   * Marks at most `limit` events recorded at or after `since` as late, and returns how many. A client that resumes from
   * a later event gets these too. It returns 0 when none are left.
   */
  markLate(since: number, limit: number): Promise<number>
  listDriverTrips(
    driverId: string,
    options: { before?: string; limit: number },
  ): Promise<readonly TripRecord[]>
}

/** What decides whether a live request reaches a transporter. It is small, because there may be thousands. */
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
