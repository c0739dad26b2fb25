/*
 * Committed snapshots, bounded by bytes. `confirmedAt` (monotonic) is when the read or commit began that last showed
 * this version to be the present one; `knownAt` is when the version became known here.
 * The cache also notices when the database holds less than it has shown before, as after a failover to a standby that
 * lacked the last transactions: what was cached is then a history that no longer exists.
 */
import { LRUCache } from 'lru-cache'
import type { Instance } from './types.js'

/** About 24,000 requests of two trucks, more than live at once in a large city. A missing entry costs one read. */
const MAX_CACHE_BYTES = 96 * 1024 * 1024

/** What an instance costs beside its snapshot's JSON: parsed objects take about three times the text. */
const OVERHEAD_BYTES = 1024
const PARSED_PER_JSON_BYTE = 3

/** The database keeps microseconds, stamps are milliseconds: two stamps closer than this are the same stamp. */
export const SAME_STAMP_WITHIN_MS = 0.5

interface Entry {
  readonly instance: Instance
  readonly knownAt: number
  confirmedAt: number
}

/** What identifies a state of an instance in one history of the database. */
type Seen = Pick<Instance, 'id' | 'version' | 'updatedAt'>

/** `known` was shown by the database before, `found` is what it shows now. */
export interface Rewind {
  readonly instance: string
  readonly known: number
  readonly found: number
}

export class SnapshotCache {
  readonly #entries = new LRUCache<string, Entry>({ maxSize: MAX_CACHE_BYTES })
  readonly #now: () => number
  readonly #onRewind: (rewind: Rewind) => void

  /** `now` is monotonic, in milliseconds. `onRewind` should clear the cache; the row that was read is noted after it. */
  constructor(now: () => number, onRewind: (rewind: Rewind) => void) {
    this.#now = now
    this.#onRewind = onRewind
  }

  get(id: string): Readonly<Entry> | undefined {
    return this.#entries.get(id)
  }

  /** Notes what a read or commit that began at `begunAt` showed. */
  note(instance: Instance, begunAt: number, jsonBytes: number): void {
    if (this.confirm(instance, begunAt) !== undefined) return
    const size = OVERHEAD_BYTES + PARSED_PER_JSON_BYTE * jsonBytes
    this.#entries.set(instance.id, { instance, confirmedAt: begunAt, knownAt: this.#now() }, { size })
  }

  /**
   * The known instance, when what a read or commit showed agrees with it; else `undefined`. An older version confirms the
   * known one if its read began before that one was known: it was committed after the read's view of the database.
   * A read that began later, or the same version with another stamp, shows another history.
   */
  confirm({ id, version, updatedAt }: Seen, begunAt: number): Instance | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.instance.version < version) return undefined
    const known = entry.instance
    const isAnother =
      known.version === version
        ? Math.abs(known.updatedAt - updatedAt) > SAME_STAMP_WITHIN_MS
        : begunAt > entry.knownAt
    if (isAnother) {
      this.#onRewind({ instance: id, known: known.version, found: version })
      this.drop(id)
      return undefined
    }
    entry.confirmedAt = Math.max(entry.confirmedAt, begunAt)
    return known
  }

  drop(id: string): void {
    this.#entries.delete(id)
  }

  clear(): void {
    this.#entries.clear()
  }
}
