/*
 * Repeatable randomness: the same seed gives the same choices. Each actor draws from its own fork, so one actor's
 * choices never change another's.
 */

export interface Random {
  /** From 0 (included) to 1 (excluded). */
  next(): number
  chance(probability: number): boolean
  /** Both ends are included. */
  int(min: number, max: number): number
  pick<T>(items: readonly T[]): T
  pickWeighted<T>(items: readonly T[], weightOf: (item: T) => number): T
  /** Log-normal, as human reaction times are: most are near the median, a few far above. Limited to the bounds. */
  logNormal(median: number, spread: number, min: number, max: number): number
  /** An independent sequence, whatever this one has drawn so far. */
  fork(label: string): Random
}

export function createRandom(seed: number | string): Random {
  const next = mulberry32(hash(String(seed)))

  const random: Random = {
    next,
    chance: probability => next() < probability,
    int: (min, max) => min + Math.floor(next() * (max - min + 1)),
    pick: items => random.pickWeighted(items, () => 1),
    pickWeighted(items, weightOf) {
      const weights = items.map(weightOf)
      let left = next() * weights.reduce((sum, weight) => sum + weight, 0)
      const index = weights.findIndex(weight => {
        left -= weight
        return left < 0
      })
      const picked = items.at(index)
      if (picked === undefined) throw new RangeError('nothing to pick from')
      return picked
    },
    logNormal: (median, spread, min, max) =>
      Math.min(max, Math.max(min, median * Math.exp(spread * normal(next)))),
    fork: label => createRandom(`${seed}/${label}`),
  }
  return random
}

/** Box and Muller's transform: a draw from the standard normal distribution. */
function normal(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
}

/** FNV-1a over UTF-16 units, then mixed: labels that differ in one character give unrelated sequences. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Tommy Ettinger's generator (public domain): 32 bits of state, good enough for a show. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
