import type { Parked } from '../../runtime/ports.js'
import type { Found } from './reads.js'

/** An instance without its snapshot. Times are milliseconds since the epoch. */
export interface InstanceSummary {
  readonly id: string
  readonly machine: string
  readonly definitionVersion: number
  readonly version: number
  readonly status: string
  readonly owner: string
  readonly createdAt: number
  readonly updatedAt: number
}

/** Everything that is stored of an instance at one moment. */
export interface InstanceDetail extends InstanceSummary {
  readonly snapshot: unknown
  readonly timers: readonly {
    readonly sendId: string
    readonly event: unknown
    readonly generation: number
    /** Null when it is parked. */
    readonly dueAt: number | null
    readonly leasedUntil: number | null
    readonly parked: Parked | null
    /** Failed attempts to fire it. `error` is that of the last one. */
    readonly attempts: number
    readonly error: string | null
  }[]
  readonly claims: readonly string[]
  readonly undelivered: readonly {
    readonly version: number
    readonly index: number
    readonly subscriber: string
    readonly attempts: number
    readonly dueAt: number
  }[]
  /** The latest transitions, newest first. */
  readonly journal: readonly {
    readonly version: number
    readonly uid: string
    readonly event: Readonly<Record<string, unknown>>
    readonly status: string
    readonly actor: Readonly<Record<string, unknown>> & { readonly id: string; readonly role: string }
    readonly at: number
  }[]
}

export interface InstanceFilter {
  readonly machine?: string | undefined
  readonly status?: string | undefined
  readonly owner?: string | undefined
}

export interface RecipientRecord {
  readonly transporterId: string
  readonly step: string
  readonly distanceKm: number | null
  readonly offeredAt: number | null
  /** Why the transporter was passed over. */
  readonly reason: string | null
  readonly declinedAt: number | null
  readonly declineReason: string | null
}

/** What decides whether a transporter is offered a request. */
export interface TransporterFacts {
  readonly isKnown: boolean
  readonly isActive: boolean
  readonly isAvailable: boolean
  readonly vehicleTypes: readonly string[]
}

export interface AdminAction {
  /** UUIDv7. */
  readonly id: string
  readonly adminId: string
  readonly action: string
  readonly target: string
  readonly reason?: string
  readonly detail: Readonly<Record<string, unknown>>
}

export interface AdminActionRecord {
  readonly id: string
  readonly adminId: string
  readonly action: string
  readonly target: string
  readonly reason: string | null
  readonly detail: Readonly<Record<string, unknown>>
  readonly begunAt: number
  readonly outcome: string | null
  readonly settledAt: number | null
}

/** Something that happened to a request. */
export interface StoryRecord {
  /** Null if the time is not on record. */
  readonly at: number | null
  readonly what: (typeof storyKinds)[number]
  readonly who: string | null
  readonly version: number | null
  readonly detail: Readonly<Record<string, unknown>>
}

export const storyKinds = [
  'transition',
  'offered',
  'not_offered',
  'declined',
  'refused',
  'dead_letter',
  'undelivered',
  'administered',
] as const

/** What administrators read, and the record of their actions. */
export interface AdminStore {
  /** Newest first, below `before` (an id). */
  listInstances(
    filter: InstanceFilter,
    options: { before?: string; limit: number },
  ): Promise<Found<InstanceSummary>>
  findInstance(id: string): Promise<InstanceDetail | undefined>
  isBroadcast(id: string): Promise<boolean>
  /** Everything known of a request, oldest first. Records without a time come last. */
  findStory(broadcastId: string): Promise<readonly StoryRecord[]>
  /** By transporter id, above `after`. */
  listRecipients(
    broadcastId: string,
    options: { after?: string; limit: number; transporterId?: string; isOffered?: boolean },
  ): Promise<readonly RecipientRecord[]>
  transporterFacts(transporterId: string): Promise<TransporterFacts>
  /**
   * Records an action before it is done. With `perHour` above 0, an action beyond this number within an hour is not
   * recorded: the milliseconds until one is allowed are returned. Concurrent actions do not count each other.
   */
  beginAction(action: AdminAction, perHour: number): Promise<number | undefined>
  settleAction(id: string, outcome: string): Promise<void>
  /** Newest first, below `before` (an id). */
  listActions(options: {
    before?: string
    limit: number
    adminId?: string
  }): Promise<readonly AdminActionRecord[]>
}
