/* Repeatable randomness. fast-check prints seeds of its own, and end-to-end tests name theirs in their titles. */
import { createChance as createSimulationChance } from '../../../src/testing/simulation/chance.js'

export interface Chance {
  /** At least 0, and less than 1. */
  next(): number
  below(count: number): number
  pick<T>(of: readonly T[]): T
}

export function createChance(seed: number): Chance {
  const { next } = createSimulationChance(seed)
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
