import type { BroadcastRecord, RecordedEvent, TripSurroundings } from './reads.js'

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
  /** `readerId` absent: whoever may read all. */
  moment(mark: Mark | undefined, readerId: string | undefined): Promise<Moment>
  /**
   * Events that concern the user as customer, driver or transporter of a trip, or as a transporter who was offered a
   * request that ended (`mayBeOffered`), in the order in which they were recorded. `offersSince`: older requests have no
   * offers left that matter; their late events are found anyway.
   */
  eventsOf(
    userId: string,
    query: ResumeQuery & { readonly offersSince: Micros; readonly mayBeOffered: boolean },
  ): Promise<readonly ResumedEvent[]>
  /** All events of one request, for those who watch it. */
  eventsIn(broadcastId: string, query: ResumeQuery): Promise<readonly ResumedEvent[]>
  /** Live requests that the transporter was offered and has not declined, newest first. */
  liveOffers(
    transporterId: string,
    limit: number,
  ): Promise<readonly (BroadcastRecord & { readonly distanceKm: number | null })[]>
  /** What a user has to know of after a long absence: requests that seek or have a trip under way, newest first. */
  liveOf(userId: string, limit: number): Promise<readonly BroadcastRecord[]>
  /** Deletes up to `limit` delivered events older than this, oldest first; answers how many. */
  sweep(olderThanMs: number, limit: number): Promise<number>
}
