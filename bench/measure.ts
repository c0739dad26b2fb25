import { setTimeout as delay } from 'node:timers/promises'

export const BYTES_PER_MB = 1024 * 1024

/** Runs `work` for 0 to `count` - 1, with at most `atOnce` in flight. */
export async function inFlight(
  count: number,
  atOnce: number,
  work: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
}

export async function perSecond(
  count: number,
  atOnce: number,
  work: (i: number) => Promise<unknown>,
): Promise<number> {
  const begunAt = performance.now()
  await inFlight(count, atOnce, work)
  return (count / (performance.now() - begunAt)) * 1_000
}

/** A whole number, or one decimal for small values. */
export const figure = (value: number) => (value >= 100 ? Math.round(value).toString() : value.toFixed(1))

/** One line: the medians of both sides and of their ratios, with the smallest and the largest ratio. */
export function ratios(what: string, pairs: readonly (readonly [ours: number, theirs: number])[]): string {
  const all = pairs.map(([ours, theirs]) => ours / theirs)
  const ours = median(pairs.map(pair => pair[0]))
  const theirs = median(pairs.map(pair => pair[1]))
  const spread = `${figure(Math.min(...all))} to ${figure(Math.max(...all))}`
  return `${what}: ${figure(ours)}/s beside ${figure(theirs)}/s, ${figure(median(all))} times (${spread}), ${all.length} rounds`
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[middle]]
  if (low === undefined || high === undefined) throw new Error('no values to take the median of')
  return (low + high) / 2
}

export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new Error('no values to take the mean of')
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** The smallest and the largest value. */
export function spread(values: readonly number[]): [min: number, max: number] {
  if (values.length === 0) throw new Error('no values that could be spread')
  return [Math.min(...values), Math.max(...values)]
}

export interface Timed {
  readonly perSecond: number
  /** Milliseconds of each piece of work, in the order in which they ended. */
  readonly latenciesMs: readonly number[]
}

/** Like `perSecond`, and also returns the time of each piece of work. */
export async function timed(
  count: number,
  atOnce: number,
  work: (i: number) => Promise<unknown>,
): Promise<Timed> {
  const latenciesMs: number[] = []
  const rate = await perSecond(count, atOnce, async i => {
    const begunAt = performance.now()
    await work(i)
    latenciesMs.push(performance.now() - begunAt)
  })
  return { perSecond: rate, latenciesMs }
}

/** Milliseconds since the epoch with fractions, comparable between processes of one machine. */
export const epochMs = () => performance.timeOrigin + performance.now()

/** Work that is due between two ticks begins together. */
const PACE_TICK_MS = 2

/** Starts `work` for 0 to `count` - 1 at a fixed rate, without waiting for earlier work. Resolves when all are done. */
export async function paced(
  count: number,
  rate: number,
  work: (i: number) => Promise<unknown>,
): Promise<void> {
  const begunAt = performance.now()
  const underWay: Promise<unknown>[] = []
  while (underWay.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - begunAt) / 1000) * rate))
    while (underWay.length < due) underWay.push(work(underWay.length))
    await delay(PACE_TICK_MS)
  }
  await Promise.all(underWay)
}
