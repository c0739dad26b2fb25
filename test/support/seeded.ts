/* Chance that can be repeated: fast-check prints seeds of its own; end-to-end tests name theirs in their titles. */

export interface Chance {
  /** From 0 up to, but not, 1. */
  next(): number
  below(count: number): number
  pick<T>(of: readonly T[]): T
}

/** Mulberry32: 32 bits of state, good enough to shuffle commands. */
export function createChance(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number) => Math.floor(next() * count)
  return {
    next,
    below,
    pick(of) {
      const picked = of[below(of.length)]
      if (picked === undefined) throw new Error('Nothing to pick from')
      return picked
    },
  }
}
