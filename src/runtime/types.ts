import type { AnyMachineSnapshot } from 'xstate'
import type { Refusal } from './definition.js'

/** The person or the part that caused a transition. It is journaled. Timers are `{id: 'timer', role: 'system', sendId}`. */
export interface Actor {
  readonly id: string
  readonly role: string
  /** Why, where the caller had to give a reason. */
  readonly reason?: string
  /** The timer that fired. */
  readonly sendId?: string
  /** The trace that the transition is part of (W3C `traceparent`), where one is kept. */
  readonly trace?: string
}

/** One persisted machine, as of `version`. Times are milliseconds since the epoch. */
export interface Instance {
  readonly id: string
  readonly machine: string
  /** Of the definition that its snapshot belongs to. */
  readonly definitionVersion: number
  readonly version: number
  readonly status: string
  readonly owner: string
  readonly snapshot: AnyMachineSnapshot
  readonly createdAt: number
  readonly updatedAt: number
}

/** What a client sends once, however often it sends it. `scope` says who sent it where. */
export interface IdempotencyKey {
  readonly scope: string
  readonly key: string
  /** Of the payload: the same key with another one is a mistake of the client's. */
  readonly fingerprint: string
}

/** A key that has been used: the transition it caused. */
export interface UsedKey extends IdempotencyKey {
  readonly instance: string
  readonly version: number
  readonly uid: string
}

/**
 * A row of a table outside the engine that an event was decided on; the commit rechecks it. `isThere`: the row must exist
 * and is locked against changes until the commit is done. Otherwise no such row may exist.
 */
export interface Precondition {
  readonly table: string
  /** Column → value. The row is found by the first column, which should be a key. */
  readonly row: Readonly<Record<string, string | boolean>>
  readonly isThere: boolean
}

/** The reason of a refusal: a precondition of the event no longer holds. */
export const PRECONDITION_FAILED = 'PRECONDITION_FAILED'

/** The key was used before; nothing was done. Whether the fingerprints agree is for the caller to judge. */
export interface Replayed {
  readonly kind: 'replayed'
  readonly used: UsedKey
}

/**
 * At most `max` instances of one owner that were created within the last `windowMs`. With `status`, only those count that
 * have this status now. The commit counts, over all processes; at the limit nothing is created.
 */
export interface OwnerLimit {
  readonly max: number
  readonly windowMs: number
  readonly status?: string
}

/** The owner is at `limit`, and nothing was done. `retryAfterMs`: until there is room for one more. */
export interface Limited {
  readonly kind: 'limited'
  readonly limit: OwnerLimit
  readonly retryAfterMs: number
}

/** What became of an event. Answered only after the commit it was decided on. */
export type Outcome =
  | { readonly kind: 'applied'; readonly version: number; readonly instance: Instance; readonly uid: string }
  | { readonly kind: 'unchanged'; readonly version: number; readonly instance: Instance }
  | {
      readonly kind: 'refused'
      readonly reason: string
      readonly version: number
      readonly refusal: Refusal
      readonly instance: Instance
    }

export type CreateOutcome =
  | { readonly kind: 'created'; readonly version: 1; readonly instance: Instance; readonly uid: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly refusal: Refusal; readonly holder: string }

/** A row of an instance's journal. `event` is the whole event, stamp included. */
export interface JournalEntry {
  readonly version: number
  readonly uid: string
  readonly event: { readonly type: string } & Record<string, unknown>
  readonly status: string
  readonly actor: Actor
  readonly at: number
}

/** Something a machine emitted, to be delivered at least once. (instance, version, index) is its identity. */
export interface EmittedEvent {
  readonly instance: string
  readonly machine: string
  readonly version: number
  readonly index: number
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
  /** Ids of those whom the machine knows it concerns. */
  readonly audience: readonly string[]
  /** The stamp of the transition. */
  readonly at: number
  /** Of its transition (see `Actor`): its delivery is part of the same trace, on whichever process. */
  readonly trace?: string | null
}

/** An event on its way to one subscriber. */
export interface DeliveryKey {
  readonly instance: string
  readonly version: number
  readonly index: number
  readonly subscriber: string
}

/** A timer as it was armed once. */
export interface TimerKey {
  readonly instance: string
  readonly sendId: string
  /** The version that armed it. */
  readonly generation: number
}

/**
 * Gets emitted events: once after the commit, and again until `handle` has resolved. Repeating `handle` must be harmless.
 * Events of one instance come in order, one at a time.
 */
export interface Subscriber {
  readonly name: string
  /** Events of one instance may come in any order, and at once. */
  readonly isUnordered?: true
  wants(machine: string, type: string): boolean
  handle(event: EmittedEvent, attempt: number): Promise<void> | void
}

/** What a commit has made of an instance: its state now, and the transitions that led to it. */
export interface Transition {
  readonly instance: Instance
  readonly entries: readonly JournalEntry[]
}
