import type { Person } from '../person.js'

/** Where a request came from, as the connection and its headers say. */
export interface Sender {
  readonly remoteAddress: string | undefined
  /** The header `X-Forwarded-For`, unchanged. */
  readonly forwardedFor: string | undefined
}

/**
 * Rate limits. Each call counts one more and returns at once, even if Redis is away. It returns `undefined` if the
 * caller may go on, or else the seconds after which to retry.
 */
export interface RateLimits {
  ofAddress(sender: Sender): number | undefined
  ofUser(person: Person): number | undefined
}

/** The count of one key in one time window in this process that has not been shared yet. */
export interface Counted {
  readonly key: string
  /** A number that grows by one with each window. */
  readonly window: number
  readonly count: number
}

/** The count of all processes together. */
export interface SharedCount {
  readonly current: number
  readonly previous: number
}

/** Counts that processes share. */
export interface SharedCounts {
  /** Adds counts, and returns the new total of each, in order. Fails within a bounded time. */
  add(counted: readonly Counted[]): Promise<readonly SharedCount[]>
  close(): void
}
