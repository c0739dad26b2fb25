/**
 * Returns a function that says whether one more is allowed now: `perSecond` on average, and `burst` at once. `now` is
 * milliseconds of a clock that never goes back.
 */
export function createTokenBucket(
  perSecond: number,
  burst: number,
  now: () => number = () => performance.now(),
): () => boolean {
  let tokens = burst
  let countedAt = now()
  return () => {
    const at = now()
    tokens = Math.min(burst, tokens + ((at - countedAt) / 1000) * perSecond)
    countedAt = at
    if (tokens < 1) return false
    tokens -= 1
    return true
  }
}
