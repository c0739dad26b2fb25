/*
 * What the runtime needs of a database. A store writes what it is given, guarded, and decides nothing:
 * conflicts come back as results. All times are milliseconds since the epoch.
 */
import type { StateValue } from 'xstate'
import type { DeadLetter } from './dead-letters.js'
import type { ColumnType } from './definition.js'
import type {
  DeliveryKey,
  EmittedEvent,
  IdempotencyKey,
  JournalEntry,
  Limited,
  OwnerLimit,
  Precondition,
  TimerKey,
  UsedKey,
} from './types.js'

/** An instance as stored; `snapshot` is what XState calls a persisted snapshot. */
export interface StoredInstance {
  readonly id: string
  readonly machine: string
  readonly definitionVersion: number
  readonly version: number
  readonly status: string
  readonly owner: string
  readonly snapshot: unknown
  readonly createdAt: number
  readonly updatedAt: number
}

/** A version of a machine's definition. */
export interface KnownVersion {
  readonly machine: string
  readonly version: number
}

/**
 * Why a timer of an active state does not fire. `spent`: it fired and the machine ignored it. `dead`: its firing failed too
 * often, it is a dead letter. `dropped`: an operator dropped that dead letter.
 */
export type Parked = 'spent' | 'dead' | 'dropped'

export interface StoredTimer {
  readonly instance: string
  readonly machine: string
  readonly sendId: string
  /** The version that armed it. */
  readonly generation: number
  readonly event: { readonly type: string } & Record<string, unknown>
  readonly dueAt: number
  /** Its place among the timers that the same version armed: see timer-order.ts. Absent: 0. */
  readonly ordinal?: number
  /** Attempts to fire it that failed through a fault of its own. Absent: none. */
  readonly attempts?: number
  readonly parked?: Parked
}

/** An attempt to fire a timer that failed through a fault of the timer's own. */
export interface TimerFailure {
  /** Failed attempts, this one included. */
  readonly attempts: number
  readonly error: string
}

export interface ProjectionRows {
  readonly table: string
  readonly columns: Readonly<Record<string, ColumnType>>
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** Everything that one or several transitions of one instance change, folded into one write. */
export interface InstanceWrite {
  /** The row as it shall be. `snapshot` is JSON text. */
  readonly row: Omit<StoredInstance, 'snapshot'> & { readonly snapshot: string }
  /** The version it must have now; 0 for a new instance. */
  readonly expectedVersion: number
  /**
   * The stamp the instance must have now, in addition to the version: after a failover that lost transitions, another
   * history may have reached the same version.
   */
  readonly expectedUpdatedAt: number
  readonly journal: readonly JournalEntry[]
  readonly events: readonly (EmittedEvent & { readonly subscribers: readonly string[] })[]
  readonly timersSet: readonly StoredTimer[]
  readonly timersRemoved: readonly string[]
  /** Its machine has reached its end: all its timers are removed. */
  readonly isFinished: boolean
  /** Timers whose firing is part of this write: each must still exist with its generation. */
  readonly gates: readonly { readonly sendId: string; readonly generation: number }[]
  /** Keys that must not be held by another instance. Contains `claimsTaken`. */
  readonly claimsNeeded: readonly string[]
  readonly claimsTaken: readonly string[]
  readonly claimsFreed: readonly string[]
  readonly projections: readonly ProjectionRows[]
  /** The rows that the transitions of this write were decided on. */
  readonly preconditions: readonly Precondition[]
  /** Keys that the transitions of this write use up; none may have been used before. */
  readonly keys: readonly UsedKey[]
  /** Of a new instance: what its owner may not have reached. Counted where nothing else is in the way. */
  readonly limits: readonly OwnerLimit[]
}

/** What became of one `InstanceWrite`. Anything but `moved` wrote nothing of that instance. */
export type WriteResult =
  | { readonly kind: 'moved' }
  /** The version was another one (or, for a new instance, the id was taken). */
  | { readonly kind: 'stale' }
  /** Others hold needed claims: key → instance that holds it. */
  | { readonly kind: 'claimed'; readonly holders: ReadonlyMap<string, string> }
  /** Preconditions that do not hold, or whose row is being changed. */
  | { readonly kind: 'unmet'; readonly preconditions: readonly Precondition[] }
  /** Keys that were used before. */
  | { readonly kind: 'keyed'; readonly used: readonly UsedKey[] }
  | Limited
  /** Timers that are gone or were armed again since. */
  | { readonly kind: 'gateLost'; readonly sendIds: readonly string[] }
  /** Another commit held its locks, or was quicker, at each attempt. */
  | { readonly kind: 'busy' }
  /** Not applied as yet, but an earlier sending of the same write may still arrive and be. */
  | { readonly kind: 'unknown' }
  /** It cannot be made into a statement, or the database refuses it for good: a value, or a row that breaks a constraint. */
  | { readonly kind: 'unstorable'; readonly error: Error }

export interface TimerLeaseOptions {
  readonly limit: number
  readonly leaseMs: number
  /** 0: those that are due. */
  readonly aheadMs: number
}

export interface TimerLease {
  readonly timers: readonly StoredTimer[]
  /** When the next timer is due beyond those, if any. */
  readonly nextDueAt: number | undefined
}

export interface InstancesToCheck {
  readonly ids: readonly string[]
  /** Where the page after this one begins; `null`: with the newest again. */
  readonly next: string | null
}

/** An instance as the check of its timers sees it. */
export interface TimersOfInstance {
  readonly instance: string
  readonly machine: string
  readonly definitionVersion: number
  readonly version: number
  /** XState's state value. */
  readonly value: StateValue
  /** Send ids, parked timers included. */
  readonly timers: readonly string[]
}

/**
 * The database's position in its history. `history` identifies the server's data and its timeline; a failover or restore
 * changes it. `offset` grows with every write.
 */
export interface HistoryPosition {
  readonly history: string
  readonly offset: number
}

/** An outbox row taken over from a process that did not finish it. */
export interface LeasedDelivery {
  readonly event: EmittedEvent
  readonly subscriber: string
  readonly attempts: number
}

/** A living process: machine → the newest version of its definition that it knows. */
export interface ProcessVersions {
  readonly id: string
  readonly versions: ReadonlyMap<string, number>
}

/** What a process that ends has leased and not finished. */
export interface Held {
  readonly timers: readonly TimerKey[]
  readonly deliveries: readonly DeliveryKey[]
}

export interface Store {
  /** The database's clock. */
  now(): Promise<number>
  /** `undefined` if the database does not report it. */
  position(): Promise<HistoryPosition | undefined>
  load(ids: readonly string[]): Promise<readonly StoredInstance[]>
  /**
   * Writes many instances in one statement; result i belongs to write i. What is emitted is leased to the caller for
   * `deliveryLeaseMs`. Throws `StoreUnavailableError` when it is not known whether the statement was applied.
   */
  commit(writes: readonly InstanceWrite[], deliveryLeaseMs: number): Promise<readonly WriteResult[]>
  /**
   * Resolves when every commit that the caller has seen is durable. A commit whose wait for a synchronous standby was cut
   * short is visible, but a failover may still lose it.
   */
  confirmDurable(): Promise<void>
  /** Journal rows with a version above `after`, oldest first. */
  history(id: string, after: number, limit: number): Promise<readonly JournalEntry[]>
  /** Those of the keys that have been used, with the transitions that used them. */
  usedKeys(keys: readonly IdempotencyKey[]): Promise<readonly UsedKey[]>

  /**
   * Leases timers that are due, or will be within `aheadMs`, oldest first, for `leaseMs`. Only those of instances that are
   * stored in one of the `known` versions. The answer also has the timers of the same instances that fire before these,
   * whichever process has leased them: if that process is dead, order is kept all the same. Postponed timers are not waited
   * for.
   */
  leaseTimers(known: readonly KnownVersion[], options: TimerLeaseOptions): Promise<TimerLease>
  /** Due timers of one instance in their order, whichever process has leased them. Postponed ones are left out. */
  dueTimers(instance: string): Promise<readonly StoredTimer[]>
  /**
   * Parks a timer that rang and was ignored by its machine, or removes it where the instance is finished, if it is still this generation and the instance still has
   * the version (and its stamp) in which it was ignored.
   */
  spendTimer(timer: TimerKey, ignoredBy: Pick<StoredInstance, 'version' | 'updatedAt'>): Promise<void>
  /**
   * Counts a failed attempt to fire a timer, and leaves the timer alone for `delayMs`. Does nothing and returns false if
   * the timer is gone, parked or of another generation, or if the attempt is counted already.
   */
  postponeTimer(timer: TimerKey, failure: TimerFailure, delayMs: number): Promise<boolean>
  /** The attempt was the last one: the timer becomes a dead letter. Conditions and answer as for `postponeTimer`. */
  buryTimer(timer: TimerKey, failure: TimerFailure): Promise<boolean>
  /** Adds the missing ones of these timers, if the instance still has this version. Returns how many it added. */
  armTimers(instance: string, version: number, timers: readonly StoredTimer[]): Promise<number>
  /**
   * The next instances whose timers should be checked: the newest that hold claims, and the next page of all.
   * `undefined` when another process has taken the turn within the last `everyMs`.
   */
  instancesToCheck(everyMs: number): Promise<InstancesToCheck | undefined>
  /** A turn is over: the next one goes on at `next`. */
  instancesChecked(next: InstancesToCheck['next']): Promise<void>
  /** Those of the instances that are active and stored in one of the `known` versions, with the timers they have. */
  timersOf(ids: readonly string[], known: readonly KnownVersion[]): Promise<readonly TimersOfInstance[]>

  /**
   * Leases deliveries whose lease has run out or whose next try is due, oldest first, for `leaseMs`. Only those of
   * instances that are stored in one of the `known` versions.
   */
  leaseDeliveries(
    subscribers: readonly string[],
    known: readonly KnownVersion[],
    limit: number,
    leaseMs: number,
  ): Promise<readonly LeasedDelivery[]>
  /** Notes that events are being delivered late: a client that resumes looks for such ones. */
  markLate(events: readonly Omit<DeliveryKey, 'subscriber'>[]): Promise<void>
  /**
   * Gives up leases of the caller's, so that others need not wait for their end. Whose they are is not asked: a lease of
   * another's that has followed ours is given up too, and what is done twice then has its effect once all the same.
   */
  release(held: Held): Promise<void>
  settleDeliveries(delivered: readonly DeliveryKey[]): Promise<void>
  retryDelivery(key: DeliveryKey, attempts: number, delayMs: number): Promise<void>
  buryDelivery(key: DeliveryKey, attempts: number, error: string): Promise<void>
  /** Dead letters of all kinds, newest first; with `before`, those with a lower id. */
  deadLetters(before: number | undefined, limit: number): Promise<readonly DeadLetter[]>
  /**
   * Puts a dead delivery back into the outbox, or makes a dead timer due again at its own time; attempts are counted anew.
   * False when it is not there (any more).
   */
  redrive(id: number): Promise<boolean>
  /** Removes a dead letter for good. A timer stays parked until its state is left. False as for `redrive`. */
  drop(id: number): Promise<boolean>

  /**
   * Says that a process lives for another `leaseMs`. Answers which version may be written of each of its machines: the
   * newest that every living process knows, or a newer one that was answered before.
   */
  announceProcess(process: ProcessVersions, leaseMs: number): Promise<ReadonlyMap<string, number>>
  forgetProcess(id: string): Promise<void>

  close(): Promise<void>
}

/**
 * How processes that only take commands wake those that fire timers. Best effort: a process that fires timers also
 * looks by itself every second.
 */
export interface Wakeups {
  /** Says that a timer was armed which is due then; gathered, and never part of a commit. */
  announce(dueAt: number): void
  /** Calls `onWake` for what other processes announce. Resolves once it listens, or has found that it cannot. */
  listen(onWake: (dueAt: number) => void): Promise<void>
  close(): Promise<void>
}
