/*
 * Committed snapshots, bounded by bytes. `confirmedAt` (monotonic) is the start of the last read or commit that showed this
 * version as the current one. `knownAt` is when the version became known here.
 * The cache also detects that the database holds less than it has shown before, as after a failover to a standby that
 * lacked the last transactions. The cached history then no longer exists.
 */
import { LRUCache } from 'lru-cache'
import type { Instance } from '../types.js'

/** About 24,000 requests of two trucks, more than live at once in a large city. A missing entry costs one read. */
const MAX_CACHE_BYTES = 96 * 1024 * 1024

/** What an instance costs beside its snapshot's JSON: parsed objects take about three times the text. */
const OVERHEAD_BYTES = 1024
const PARSED_PER_JSON_BYTE = 3

/** The database keeps microseconds and stamps are milliseconds: stamps closer than this are the same. */
export const SAME_STAMP_WITHIN_MS = 0.5

interface Entry {
  readonly instance: Instance
  readonly knownAt: number
  confirmedAt: number
}

/** Identifies a state of an instance in one history of the database. */
type Seen = Pick<Instance, 'id' | 'version' | 'updatedAt'>

/** `known` is what the database showed before, `found` what it shows now. */
export interface Rewind {
  readonly instance: string
  readonly known: number
  readonly found: number
}

export class SnapshotCache {
  readonly #entries = new LRUCache<string, Entry>({ maxSize: MAX_CACHE_BYTES })
  readonly #now: () => number
  readonly #onRewind: (rewind: Rewind) => void

  /** `now` is monotonic, in milliseconds. `onRewind` should clear the cache; the new row is cached after it. */
  constructor(now: () => number, onRewind: (rewind: Rewind) => void) {
    this.#now = now
    this.#onRewind = onRewind
  }

  get(id: string): Readonly<Entry> | undefined {
    return this.#entries.get(id)
  }

  /** Records the result of a read or commit that began at `begunAt`. */
  note(instance: Instance, begunAt: number, jsonBytes: number): void {
    if (this.confirm(instance, begunAt) !== undefined) return
    const size = OVERHEAD_BYTES + PARSED_PER_JSON_BYTE * jsonBytes
    this.#entries.set(instance.id, { instance, confirmedAt: begunAt, knownAt: this.#now() }, { size })
  }

  /**
   * The known instance, if the result of a read or commit agrees with it; else `undefined`. An older version agrees if its
   * read began before the known version was learned, since that was committed after the read's snapshot. A read that began
   * later, or the same version with another stamp, shows another history.
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
