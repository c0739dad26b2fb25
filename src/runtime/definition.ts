/*
 * What is needed to persist an XState machine, besides the machine itself. A definition is pure. Every function here
 * gets only values, may be called any number of times (events are evaluated again after a lost race), and must return
 * the same result each time.
 */
import type { AnyStateMachine, ContextFrom, SnapshotFrom } from 'xstate'
import type { ZodType } from 'zod'
import type { StoredHistory } from './definitions/history-value.js'

/** The fields that the runtime adds to every event and to the input of a new instance. */
export interface Stamp {
  /** Milliseconds since the epoch. Never goes back for one instance. For a timer it is the due time. */
  readonly at: number
  /** A UUIDv7 that is journaled and stays the same when the event is evaluated again. Derive new ids from it. */
  readonly uid: string
}

/** A command or timer event as the machine sees it. */
export type StampedEvent = Stamp & { readonly type: string } & Record<string, unknown>

/** Why an event was not applied. `reason` is a word of the definition. The rest is for the caller. */
export interface Refusal {
  readonly reason: string
  readonly [detail: string]: unknown
}

/** The Postgres types that a projection may have. */
export type ColumnType = 'uuid' | 'text' | 'integer' | 'timestamptz' | 'jsonb'

/**
 * A read table derived from the snapshot. Its rows are upserted by `id` in the commit that changes them and are never
 * deleted: a row that no longer counts says so in a column. The table also has `instance uuid` and `version integer`,
 * which the runtime fills.
 */
export interface Projection<TSnapshot> {
  readonly table: string
  /** Column name → type; `id` is required among them. Times are ISO 8601 strings. */
  readonly columns: Readonly<Record<string, ColumnType>>
  rows(snapshot: TSnapshot): readonly Readonly<Record<string, unknown>>[]
}

/** The parts of a stored snapshot that a migration may change. */
export interface StoredState<TMachine extends AnyStateMachine> {
  readonly value: SnapshotFrom<TMachine>['value']
  readonly context: ContextFrom<TMachine>
  /**
   * The memory of the history states: id of the history state → the states, each `{ id }`. If a migration leaves it
   * out, the old memory is kept for states that still exist, found by their own ids or their paths.
   */
  readonly historyValue?: StoredHistory
}

/**
 * A migration from an older version. The older version stays known, and is used until all processes know the new one.
 */
export interface Migration {
  readonly from: Definition
  /** Pure, and never fails: each state and context of the old version has one in the new version. */
  apply(stored: StoredState<AnyStateMachine>): StoredState<AnyStateMachine>
}

/**
 * A typed migration: `migrateFrom(doorV1, ({ value, context }): StoredState<typeof doorV2Machine> => …)`. Timers need
 * no code: timers of the new states are armed, and those of states that were left are removed. A timer whose state has
 * another name afterwards starts anew.
 */
export function migrateFrom<TOld extends AnyStateMachine, TNew extends AnyStateMachine>(
  from: Definition<TOld>,
  apply: (stored: StoredState<TOld>) => StoredState<TNew>,
): Migration {
  return { from, apply } as unknown as Migration
}

export interface Definition<TMachine extends AnyStateMachine = AnyStateMachine> {
  readonly name: string
  /**
   * Starts at 1. Increase it whenever a past decision would come out differently, or a stored snapshot must be
   * migrated. `migrations` must then cover every version that stored instances still have.
   */
  readonly version: number
  readonly migrations?: readonly Migration[]
  readonly machine: TMachine
  /** Parses the input of `create`, without the stamp. */
  readonly input: ZodType
  /** Parses a whole command (with its `type`), without the stamp. Keys are the event types. */
  readonly commands: Readonly<Record<string, ZodType>>
  /** The word for the snapshot in lists. */
  status(snapshot: SnapshotFrom<TMachine>): string
  /** The id of the owner. */
  owner(snapshot: SnapshotFrom<TMachine>): string
  /** The exclusive keys that the instance holds in this snapshot, without duplicates. */
  claims(snapshot: SnapshotFrom<TMachine>): readonly string[]
  /** Why the machine did not handle the event. `undefined`: there was nothing to do, which is no refusal. */
  refuse(snapshot: SnapshotFrom<TMachine>, event: StampedEvent): Refusal | undefined
  /**
   * A refusal that no later event can change, decided by the event's type alone because the event is not complete yet.
   * It may be decided from memory.
   */
  refusePermanently(snapshot: SnapshotFrom<TMachine>, eventType: string): Refusal | undefined
  /** Why an event that needs `key` cannot be applied while `holder` (an instance id) holds it. */
  refuseClaim(key: string, holder: string): Refusal
  /** Event types that overtake all others that wait for the same instance. */
  readonly urgent: readonly string[]
  readonly projections: readonly Projection<SnapshotFrom<TMachine>>[]
}
