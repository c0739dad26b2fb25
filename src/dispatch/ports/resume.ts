import type { Person } from '../person.js'
import type { BroadcastRecord, Reader, RecordedEvent, TripSurroundings } from './reads.js'

/** What the id of an envelope refers to. */
export type Mark =
  | {
      readonly kind: 'event'
      readonly instance: string
      readonly version: number
      readonly index: number
      /** The event's stamp in milliseconds. `undefined` in ids of an older release. */
      readonly at: number | undefined
    }
  | { readonly kind: 'offer'; readonly broadcastId: string }

/** Microseconds since the epoch, by the database's clock, which orders events with this precision. */
export type Micros = number

export interface Moment {
  readonly now: Micros
  /** Events older than this may be gone. `null`: none has ever been deleted. */
  readonly sweptBefore: Micros | null
  /** When the event was recorded or the offer made. `null`: it does not exist, or this reader may not know of it. */
  readonly markedAt: Micros | null
}

/** A place among events in the order in which they were recorded. */
export interface EventPosition {
  readonly recordedAt: Micros
  readonly instance: string
  readonly version: number
  readonly index: number
}

export interface ResumedEvent extends RecordedEvent {
  readonly recordedAt: Micros
  /** The reader was offered the request. */
  readonly isOffered: boolean
  readonly request: TripSurroundings
}

export interface ResumeQuery {
  /** Events that were recorded, or marked late, after this. */
  readonly since: Micros
  /** Only events beyond this place. */
  readonly after: EventPosition | undefined
  readonly limit: number
}

/** The stored events, for clients that were away. */
export interface ResumeStore {
  /** Without `reader`, the caller may read everything. */
  moment(mark: Mark | undefined, reader: Reader | undefined): Promise<Moment>
  /**
   * Events that may concern the person, in the order in which they were recorded: a customer's requests, a driver's
   * trips, a transporter's trips and the ends of requests that it was offered. They name ids without roles, so the
   * caller decides what the person is told. `offersSince`: older requests have no offers left that matter. Their late
   * events are found anyway.
   */
  eventsOf(
    person: Person,
    query: ResumeQuery & { readonly offersSince: Micros },
  ): Promise<readonly ResumedEvent[]>
  /** All events of one request, for its watchers. */
  eventsIn(broadcastId: string, query: ResumeQuery): Promise<readonly ResumedEvent[]>
  /** Live requests that the transporter was offered and has not declined, newest first. */
  liveOffers(
    transporterId: string,
    limit: number,
  ): Promise<readonly (BroadcastRecord & { readonly distanceKm: number | null })[]>
  /**
   * What a person needs after a long absence, newest first: requests that seek or have a trip in progress. These are a
   * customer's own, a driver's trips, or a transporter's trips and offers.
   */
  liveOf(person: Person, limit: number): Promise<readonly BroadcastRecord[]>
  /** Deletes up to `limit` delivered events older than this, oldest first. Returns how many. */
  sweep(olderThanMs: number, limit: number): Promise<number>
}
