/* Pauses between attempts. They double up to a longest one. Jitter keeps callers apart that failed together. */

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
/**
 * After this many doublings every pause is the longest one. Without a bound, doubling would reach Infinity, and 0 ×
 * Infinity is NaN.
 */
const MAX_DOUBLINGS = 30

/** The pause without jitter, in milliseconds, after so many failures. The first failure is 1. */
export function plainBackoffMs({ firstMs, longestMs }: Backoff, failures: number): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, MAX_DOUBLINGS))
}

/** The pause with jitter, in whole milliseconds, after so many failures. `random` returns numbers from 0 to below 1. */
export function backoffMs(backoff: Backoff, failures: number, random: () => number = Math.random): number {
  const [least, most] = backoff.spread ?? USUAL_SPREAD
  return Math.round(plainBackoffMs(backoff, failures) * (least + random() * (most - least)))
}
