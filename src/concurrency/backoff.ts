/* Pauses between attempts: they double, up to a longest one, and jitter keeps callers that failed together apart. */

export interface Backoff {
  readonly firstMs: number
  readonly longestMs: number
  /**
   * The jittered pause lies between these shares of the plain one. By default a quarter less to a quarter more, so that the
   * mean is the plain pause.
   */
  readonly spread?: readonly [least: number, most: number]
}

const USUAL_SPREAD = [0.75, 1.25] as const
/** Beyond it every pause is the longest one; without a bound the doubling would become Infinity, and 0 × Infinity NaN. */
const MAX_DOUBLINGS = 30

/** The plain pause after so many failures, the first of which is 1. Milliseconds. */
export function plainBackoffMs({ firstMs, longestMs }: Backoff, failures: number): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, MAX_DOUBLINGS))
}

/** The jittered pause after so many failures, in whole milliseconds. `random` gives numbers from 0 up to, but not, 1. */
export function backoffMs(backoff: Backoff, failures: number, random: () => number = Math.random): number {
  const [least, most] = backoff.spread ?? USUAL_SPREAD
  return Math.round(plainBackoffMs(backoff, failures) * (least + random() * (most - least)))
}
