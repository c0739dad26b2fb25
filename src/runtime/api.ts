/* The engine as its users see it. */

import type { DeadLetter } from './dead-letters.js'
import type { Refusal } from './definition.js'
import type { MembershipState } from './definitions/membership.js'
import type { StoredInstance } from './ports.js'
import type {
  Actor,
  CreateOutcome,
  IdempotencyKey,
  Instance,
  JournalEntry,
  Limited,
  Outcome,
  OwnerLimit,
  Precondition,
  Replayed,
} from './types.js'

export type Command = { readonly type: string } & Record<string, unknown>

export interface CreateOptions {
  readonly actor: Actor
}

export interface SendOptions {
  readonly actor: Actor
  /** Applies only if the instance has this version: otherwise refused with `STALE_VERSION`. */
  readonly ifVersion?: number
  /**
   * The stored row, where the caller has just read it with other facts: saves the engine a read.
   * `readStartedAt` is `performance.now()` taken before that read was sent.
   */
  readonly loaded?: { readonly row: StoredInstance; readonly readStartedAt: number }
  /**
   * Rows that the caller has read and decided on. If one has changed by the time of the commit, the event is refused with
   * `PRECONDITION_FAILED`. The caller then reads and decides again.
   */
  readonly preconditions?: readonly Precondition[]
}

/** Recorded in the commit of what it causes. Used before, the outcome is `replayed` and nothing is done. */
export interface Keyed {
  readonly key?: IdempotencyKey
}

interface Unkeyed {
  readonly key?: never
}

interface Unbounded {
  readonly limits?: never
}

/** What a repetition is not counted for: a claim that is held, or a key that was used, is found before. */
export interface Bounded {
  readonly limits?: readonly OwnerLimit[]
}

export interface Engine {
  /** Throws `InvalidEventError` when the definition's schema refuses the input. */
  create(
    machine: string,
    input: unknown,
    options: CreateOptions & Unkeyed & Unbounded,
  ): Promise<CreateOutcome>
  create(
    machine: string,
    input: unknown,
    options: CreateOptions & Keyed & Unbounded,
  ): Promise<CreateOutcome | Replayed>
  create(
    machine: string,
    input: unknown,
    options: CreateOptions & Keyed & Bounded,
  ): Promise<CreateOutcome | Replayed | Limited>
  /**
   * Sends a command. Throws `InvalidEventError` for what the schema refuses, `UnknownInstanceError`
   * when there is no such instance, `OverloadedError` when queues are full or the database is away.
   */
  send(id: string, event: Command, options: SendOptions & Unkeyed): Promise<Outcome>
  send(id: string, event: Command, options: SendOptions & Keyed): Promise<Outcome | Replayed>
  /** The instance as stored now. */
  get(id: string): Promise<Instance | undefined>
  /** The instance as it was at a version, from its journal. */
  at(id: string, version: number): Promise<Instance | undefined>
  /** Turns a row that the caller read itself into an instance. */
  restore(row: StoredInstance): Instance
  /**
   * The instance from memory, if it is known in `version` or a later one and was the present one within the last
   * second. For callers that handle an event of it.
   */
  recall(id: string, version: number): Instance | undefined
  history(id: string, options?: { after?: number; limit?: number }): Promise<readonly JournalEntry[]>
  /** A refusal that can be given without asking the database, if there is one. */
  refuseFromMemory(id: string, eventType: string): Refusal | undefined
  /** Deliveries and timers that failed too often and are no longer tried, newest first; with `before`, those with a lower id. */
  deadLetters(options?: { before?: number; limit?: number }): Promise<readonly DeadLetter[]>
  /** Has a dead letter tried again, from the first attempt on. False when it is not there (any more). */
  redrive(id: number): Promise<boolean>
  /** Removes a dead letter for good: it is never tried again. False when it is not there (any more). */
  drop(id: number): Promise<boolean>
  /**
   * Fires the instance's overdue timers now, whichever process has leased them, and arms missing ones. For a caller that
   * needs a claim which the instance holds beyond its deadline.
   */
  ring(id: string): Promise<void>
  /** Whether this process may work, and the definition versions it writes. */
  membership(): { readonly state: MembershipState; readonly writing: Readonly<Record<string, number>> }
  /** The engine's time, in step with the database's. */
  now(): number
  /** How far the database's clock is ahead of this machine's, as last measured. */
  clockOffsetMs(): number
  /**
   * Begins firing timers and sweeping the outbox, unless they are false: then others must. What this process
   * emitted itself it delivers in any case. Throws `ClockSkewError` when the clocks are too far apart.
   */
  start(options?: { timers?: boolean; sweeps?: boolean }): Promise<void>
  /** Leaves timers and sweeping to other processes, which are woken. Commands are taken as before, until `close`. */
  standDown(): void
  /**
   * Refuses new work and finishes what is under way. What is not finished after `withinMs` is left to other
   * processes: its leases are given up, so that they take it over at once.
   */
  close(options?: { withinMs?: number }): Promise<void>
}
