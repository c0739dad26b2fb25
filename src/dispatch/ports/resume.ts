import type { Person } from '../person.js'
import type { BroadcastRecord, Reader, RecordedEvent, TripSurroundings } from './reads.js'

/** What an envelope's id refers to. */
export type Mark =
  | {
      readonly kind: 'event'
      readonly instance: string
      readonly version: number
      readonly index: number
      /** Its stamp, in milliseconds; `undefined` in ids of an older release. */
      readonly at: number | undefined
    }
  | { readonly kind: 'offer'; readonly broadcastId: string }

/** Microseconds since the epoch, by the database's clock: as exact as it orders events. */
export type Micros = number

export interface Moment {
  readonly now: Micros
  /** Events older than this may be gone. `null`: none has ever been deleted. */
  readonly sweptBefore: Micros | null
  /** When the event was recorded or the offer made. `null`: it is not there, or not for this reader to know of. */
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
  /** Of these, those beyond here. */
  readonly after: EventPosition | undefined
  readonly limit: number
}

/** The event table as those see it who were away. */
export interface ResumeStore {
  /** `reader` absent: whoever may read all. */
  moment(mark: Mark | undefined, reader: Reader | undefined): Promise<Moment>
  /**
   * Events that may concern the person: a customer its requests, a driver its trips, a transporter its trips and the ends
   * of requests it was offered, in the order in which they were recorded. They name ids without roles, so what the person
   * is told of them is for the caller to say. `offersSince`: older requests have no offers left that matter; their late
   * events are found anyway.
   */
  eventsOf(
    person: Person,
    query: ResumeQuery & { readonly offersSince: Micros },
  ): Promise<readonly ResumedEvent[]>
  /** All events of one request, for those who watch it. */
  eventsIn(broadcastId: string, query: ResumeQuery): Promise<readonly ResumedEvent[]>
  /** Live requests that the transporter was offered and has not declined, newest first. */
  liveOffers(
    transporterId: string,
    limit: number,
  ): Promise<readonly (BroadcastRecord & { readonly distanceKm: number | null })[]>
  /**
   * What a person has to know of after a long absence, newest first: requests that seek or have a trip under way, a
   * customer's own, a driver's trips, a transporter's trips and offers.
   */
  liveOf(person: Person, limit: number): Promise<readonly BroadcastRecord[]>
  /** Deletes up to `limit` delivered events older than this, oldest first; answers how many. */
  sweep(olderThanMs: number, limit: number): Promise<number>
}
