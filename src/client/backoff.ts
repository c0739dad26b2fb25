/** A deployment takes seconds. A dead network is worth a try every quarter of a minute. */
const FIRST_MS = 500
const LONGEST_MS = 15_000

export interface BackoffOptions {
  readonly firstMs?: number
  readonly longestMs?: number
}

/** A connection that ends sooner does not count: its end does not make the next pause short again. */
const STABLE_AFTER_MS = 10_000

/**
 * The pause before each retry. It doubles, and jitter takes up to half of it, so that clients do not retry together.
 */
export function createBackoff(options: BackoffOptions = {}, random: () => number = Math.random) {
  const { firstMs = FIRST_MS, longestMs = LONGEST_MS } = options
  let failures = 0
  let connectedAt: number | undefined
  return {
    connected(now: number): void {
      connectedAt = now
    },
    /** `atLeastMs`: the pause that the server asked for. */
    next(now: number, atLeastMs = 0): number {
      if (connectedAt !== undefined && now - connectedAt >= STABLE_AFTER_MS) failures = 0
      connectedAt = undefined
      const longest = Math.min(longestMs, firstMs * 2 ** failures)
      failures = Math.min(failures + 1, 10)
      return Math.max(atLeastMs, longest * (0.5 + random() / 2))
    },
  }
}
