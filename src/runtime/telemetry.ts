/*
 * What the runtime reports about its work. Both interfaces are optional and decide nothing: without them nothing is
 * measured, at no cost. Implementations must be quick and never throw.
 */

/** Why a write changed nothing. */
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
  /**
   * The outcome of an event: `applied`, `created`, `unchanged`, `replayed`, `limited`, or the reason of its refusal.
   */
  decided(machine: string, event: string, outcome: string): void
  /** A commit was answered by the database. */
  committed(commit: { readonly instances: number; readonly transitions: number; readonly ms: number }): void
  conflict(kind: Conflict): void
  /** A timer was leased to be fired, `lateMs` after it was due. */
  timerFired(machine: string, lateMs: number): void
  /** A timer's own transition failed. `isLast`: it is a dead letter now. */
  timerFailed(machine: string, isLast: boolean): void
  /** Timers of an instance were missing and have been armed again. */
  timersRearmed(machine: string, count: number): void
  /** The database lost transactions that it had shown before. */
  historyLost(): void
  /** `ageMs`: the time since the transition that emitted the event. */
  delivered(subscriber: string, ageMs: number): void
  /** `isLast`: it is a dead letter now. */
  deliveryFailed(subscriber: string, isLast: boolean): void
}

export type Attributes = Readonly<Record<string, string | number | boolean>>

/** A piece of work with a beginning and an end. */
export interface Span {
  /**
   * The W3C `traceparent`, by which other processes and later work refer to the span. Absent if this trace is not
   * collected: then it need not be passed on.
   */
  readonly context: string | undefined
  /** `error`: why it failed, if it did. */
  end(attributes?: Attributes, error?: unknown): void
}

export interface SpanOptions {
  /** The `traceparent` of the parent. Absent: the current span (`within`). */
  readonly parent?: string | undefined
  /** The span has no parent, even if another is current. */
  readonly isRoot?: boolean
  readonly attributes?: Attributes
  /**
   * When it began, if that was before this call. It is the platform's monotonic time, which is `performance.now()` in a
   * process.
   */
  readonly startedAt?: number
  readonly kind?: 'server' | 'consumer'
}

export interface Tracer {
  begin(name: string, options?: SpanOptions): Span
  /** Makes `span` the parent of all work that begins while `work` runs. `undefined`: such work has no parent. */
  within<T>(span: Span | undefined, work: () => T): T
}
