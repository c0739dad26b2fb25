/* A repeatable source of randomness. Everything random in a simulation is drawn from here, in order. */

export interface Chance {
  /** At least 0, and less than 1. */
  next(): number
  /** At least `min`, and less than `max`. */
  between(min: number, max: number): number
  happens(probability: number): boolean
}

/** Mulberry32: 32 bits of state, fast, and uniform enough for delays. */
export function createChance(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    between: (min, max) => min + next() * (max - min),
    happens: probability => next() < probability,
  }
}

/** The seed of run `index` of a campaign. Seeds of neighbouring runs have nothing in common. */
export function seedOfRun(seed: number, index: number): number {
  let mixed = Math.imul((seed ^ 0x9e3779b9) + Math.imul(index + 1, 0x85ebca6b), 0xc2b2ae35)
  mixed ^= mixed >>> 15
  return (Math.imul(mixed, 0x2c1b3c6d) ^ (mixed >>> 13)) >>> 1
}

/** A UUIDv7 with this time. */
export function uuidAt(ms: number, chance: Chance): string {
  const time = Math.floor(ms).toString(16).padStart(12, '0')
  const hex = (digits: number) =>
    Math.floor(chance.next() * 16 ** digits)
      .toString(16)
      .padStart(digits, '0')
  const variant = (8 + Math.floor(chance.next() * 4)).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-${variant}${hex(3)}-${hex(6)}${hex(6)}`
}
