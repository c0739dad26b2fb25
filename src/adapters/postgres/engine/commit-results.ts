import type { InstanceWrite, WriteResult } from '../../../runtime/ports.js'
import type { UsedKey } from '../../../runtime/types.js'

/** A row of the commit statement's answer. */
export interface ResultRow {
  readonly kind: 'moved' | 'claimed' | 'unmet' | 'lost' | 'keyed' | 'limited'
  readonly instance: string
  readonly key: string | null
  readonly holder: string | null
  /** `limited`: the milliseconds until there is room, -1 while another transaction counts. */
  readonly used: UsedKey | number | null
}

/** What became of each write. */
export function toResults(writes: readonly InstanceWrite[], rows: readonly ResultRow[]): WriteResult[] {
  const moved = new Set<string>()
  const claimed = new Map<string, Map<string, string>>()
  const lost = new Map<string, string[]>()
  const unmet = new Map<string, number[]>()
  const keyed = new Map<string, UsedKey[]>()
  const waits = new Map<string, { readonly place: number; readonly ms: number }>()
  for (const { kind, instance, key, holder, used } of rows) {
    if (kind === 'moved') moved.add(instance)
    else if (typeof used === 'number') {
      const longest = waits.get(instance)
      if (longest === undefined || used > longest.ms) waits.set(instance, { place: Number(key), ms: used })
    } else if (used !== null) keyed.set(instance, [...(keyed.get(instance) ?? []), used])
    else if (kind === 'unmet') unmet.set(instance, [...(unmet.get(instance) ?? []), Number(key)])
    else if (kind === 'lost') lost.set(instance, [...(lost.get(instance) ?? []), String(key)])
    else claimed.set(instance, (claimed.get(instance) ?? new Map()).set(String(key), String(holder)))
  }
  return writes.map(({ row: { id }, preconditions, limits }) => {
    const holders = claimed.get(id)
    const sendIds = lost.get(id)
    if (moved.has(id)) return { kind: 'moved' }
    const used = keyed.get(id)
    if (used !== undefined) return { kind: 'keyed', used }
    if (sendIds !== undefined) return { kind: 'gateLost', sendIds }
    const places = unmet.get(id)
    if (places !== undefined) {
      return { kind: 'unmet', preconditions: preconditions.filter((_, i) => places.includes(i)) }
    }
    if (holders !== undefined) return { kind: 'claimed', holders }
    const wait = waits.get(id)
    const limit = wait === undefined ? undefined : limits[wait.place]
    if (wait === undefined || limit === undefined) return { kind: 'stale' }
    return wait.ms < 0 ? { kind: 'busy' } : { kind: 'limited', limit, retryAfterMs: wait.ms }
  })
}
