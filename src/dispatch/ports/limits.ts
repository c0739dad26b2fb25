import type { Person } from '../person.js'

/** Where a request came from, as the connection and its headers say. */
export interface Sender {
  readonly remoteAddress: string | undefined
  /** The header `X-Forwarded-For`, as it stands. */
  readonly forwardedFor: string | undefined
}

/**
 * How often somebody may ask. Each counts one more and answers at once, whatever becomes of Redis: `undefined` if it may
 * go on, else the seconds after which it is worth another try.
 */
export interface RateLimits {
  ofAddress(sender: Sender): number | undefined
  ofUser(person: Person): number | undefined
}

/** What was counted of one key in one window of time, here and not yet told to others. */
export interface Counted {
  readonly key: string
  /** A number that grows by one from window to window. */
  readonly window: number
  readonly count: number
}

/** What all processes together have counted. */
export interface SharedCount {
  readonly current: number
  readonly previous: number
}

/** Counts that processes share. */
export interface SharedCounts {
  /** Adds, and answers what there is then, one for each, in their order. Fails in bounded time. */
  add(counted: readonly Counted[]): Promise<readonly SharedCount[]>
  close(): void
}
