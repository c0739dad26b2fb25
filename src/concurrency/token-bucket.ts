/**
 * Says whether one more is allowed now: `perSecond` in the long run, `burst` at once.
 * `now` is milliseconds of a clock that does not go back.
 */
export function createAllowance(
  perSecond: number,
  burst: number,
  now: () => number = () => performance.now(),
) {
  let left = burst
  let countedAt = now()
  return (): boolean => {
    const at = now()
    left = Math.min(burst, left + ((at - countedAt) / 1000) * perSecond)
    countedAt = at
    if (left < 1) return false
    left -= 1
    return true
  }
}
