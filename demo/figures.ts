/* Statistics of many measurements. */

export interface Summary {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/**
 * The smallest value that at least `share` of all values do not exceed (nearest rank), so always a measured one.
 * Undefined without values.
 */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}

export function summarize(values: readonly number[]): Summary | undefined {
  const [p50, p99, max] = [0.5, 0.99, 1].map(share => percentile(values, share))
  if (p50 === undefined || p99 === undefined || max === undefined) return undefined
  return { count: values.length, p50, p99, max }
}

/** How often each key occurs. The most frequent come first; equal ones are sorted by name. */
export function tally(keys: Iterable<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return new Map([...counts].sort(([a, n], [b, m]) => m - n || a.localeCompare(b)))
}
