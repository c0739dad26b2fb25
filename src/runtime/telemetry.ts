/*
 * What the runtime tells of its work, for those who watch it. Both are optional and decide nothing: without them nothing
 * is measured, and nothing is spent on it. Implementations must be quick, and must never throw.
 */

/** Why a write wrote nothing. */
export type Conflict =
  | 'stale'
  | 'claimed'
  | 'unmet'
  | 'keyed'
  | 'limited'
  | 'gateLost'
  | 'busy'
  | 'unknown'
  | 'unstorable'

export interface Meter {
  /** What became of an event: `applied`, `created`, `unchanged`, `replayed`, `limited`, or the reason of its refusal. */
  decided(machine: string, event: string, outcome: string): void
  /** A commit was answered by the database. */
  committed(commit: { readonly instances: number; readonly transitions: number; readonly ms: number }): void
  conflict(kind: Conflict): void
  /** A timer was taken to be fired, so long after it was due. */
  timerFired(machine: string, lateMs: number): void
  /** A timer's own transition failed. `isLast`: it is a dead letter now. */
  timerFailed(machine: string, isLast: boolean): void
  /** Timers of an instance were missing and have been armed again. */
  timersRearmed(machine: string, count: number): void
  /** The database lost transactions that it had shown before. */
  historyLost(): void
  /** `ageMs`: since the transition that emitted the event. */
  delivered(subscriber: string, ageMs: number): void
  /** `isLast`: it is a dead letter now. */
  deliveryFailed(subscriber: string, isLast: boolean): void
}

export type Attributes = Readonly<Record<string, string | number | boolean>>

/** A piece of work with a beginning and an end. */
export interface Span {
  /**
   * What names it to other processes and to later (W3C `traceparent`). Absent when nobody keeps this trace: then
   * nothing of it need be handed on.
   */
  readonly context: string | undefined
  /** `error`: it failed, and why. */
  end(attributes?: Attributes, error?: unknown): void
}

export interface SpanOptions {
  /** The `traceparent` of what it is part of. Absent: what runs now (`within`). */
  readonly parent?: string | undefined
  /** It is part of nothing, whatever runs now. */
  readonly isRoot?: boolean
  readonly attributes?: Attributes
  /** The platform's monotonic time, which is `performance.now()` in a process, where it began before this call. */
  readonly startedAt?: number
  readonly kind?: 'server' | 'consumer'
}

export interface Tracer {
  begin(name: string, options?: SpanOptions): Span
  /** What is begun while `work` runs, and in what it waits for, is part of `span`; of nothing, if there is none. */
  within<T>(span: Span | undefined, work: () => T): T
}
