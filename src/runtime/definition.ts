/*
 * What persisting an XState machine takes, beyond the machine itself.
 * A definition is pure: every function here is called with values only, any number of times
 * (events are evaluated again after a lost race), and must give the same answer each time.
 */
import type { AnyStateMachine, ContextFrom, SnapshotFrom } from 'xstate'
import type { ZodType } from 'zod'
import type { StoredHistory } from './definitions/history-value.js'

/** What the runtime adds to every event and to the input of a new instance. */
export interface Stamp {
  /** Milliseconds since the epoch; never goes back for one instance. A timer's is its due time. */
  readonly at: number
  /** UUIDv7, journaled, the same when the event is evaluated again: take new ids from it. */
  readonly uid: string
}

/** A command or timer event as the machine sees it. */
export type StampedEvent = Stamp & { readonly type: string } & Record<string, unknown>

/** Why an event was not applied. `reason` is a word of the definition's; the rest is for the caller. */
export interface Refusal {
  readonly reason: string
  readonly [detail: string]: unknown
}

/** The Postgres types that a projection may have. */
export type ColumnType = 'uuid' | 'text' | 'integer' | 'timestamptz' | 'jsonb'

/**
 * A read table derived from the snapshot, upserted by `id` in the commit that changes it.
 * Rows are never deleted: a row that should no longer count says so in a column.
 * The table also has `instance uuid` and `version integer`, which the runtime fills.
 */
export interface Projection<TSnapshot> {
  readonly table: string
  /** Column name → type; `id` is required among them. Times are ISO 8601 strings. */
  readonly columns: Readonly<Record<string, ColumnType>>
  rows(snapshot: TSnapshot): readonly Readonly<Record<string, unknown>>[]
}

/** What of a stored snapshot a migration may change. */
export interface StoredState<TMachine extends AnyStateMachine> {
  readonly value: SnapshotFrom<TMachine>['value']
  readonly context: ContextFrom<TMachine>
  /**
   * What the history states remember: id of the history state → the states, each `{ id }`. Absent from a migration's
   * result, the old history is kept where its states still exist, found by their own ids or their paths.
   */
  readonly historyValue?: StoredHistory
}

/** From an older version, which goes on being known: until all processes know the new one, it is the old that runs. */
export interface Migration {
  readonly from: Definition
  /** Pure, and never fails: every state and context that the old version can be in has one in the new. */
  apply(stored: StoredState<AnyStateMachine>): StoredState<AnyStateMachine>
}

/**
 * A typed migration: `migrateFrom(doorV1, ({ value, context }): StoredState<typeof doorV2Machine> => …)`.
 * Timers need nothing: those of the states that the new version is in are armed, and those of states it is no longer
 * in are removed. A timer whose state goes by another name afterwards begins anew.
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
   * From 1. Raised whenever a past decision would come out differently, or a stored snapshot needs migrating; then
   * `migrations` must say how, for every version of which instances are still stored.
   */
  readonly version: number
  readonly migrations?: readonly Migration[]
  readonly machine: TMachine
  /** Parses what `create` is given, without the stamp. */
  readonly input: ZodType
  /** Parses each command, whole (`type` included), without the stamp. Keys are the event types. */
  readonly commands: Readonly<Record<string, ZodType>>
  /** The word that stands for the snapshot in lists. */
  status(snapshot: SnapshotFrom<TMachine>): string
  /** Whose instance it is. */
  owner(snapshot: SnapshotFrom<TMachine>): string
  /** Exclusive keys that the instance holds while in this snapshot; no duplicates. */
  claims(snapshot: SnapshotFrom<TMachine>): readonly string[]
  /** Why the machine did not handle the event. `undefined`: nothing to do, which is no refusal. */
  refuse(snapshot: SnapshotFrom<TMachine>, event: StampedEvent): Refusal | undefined
  /**
   * A refusal that no later event can turn into anything else, judged by the event's type alone
   * (it is asked before the event is complete). It may be given from memory.
   */
  refusePermanently(snapshot: SnapshotFrom<TMachine>, eventType: string): Refusal | undefined
  /** Why an event that needs `key` cannot be applied while `holder` (an instance id) holds it. */
  refuseClaim(key: string, holder: string): Refusal
  /** Event types that go before all others waiting for the same instance. */
  readonly urgent: readonly string[]
  readonly projections: readonly Projection<SnapshotFrom<TMachine>>[]
}
