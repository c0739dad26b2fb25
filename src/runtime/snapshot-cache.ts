/*
 * Committed snapshots, bounded by bytes. `confirmedAt` (`performance.now()`) is when the read or commit began
 * that last showed this version to be the present one.
 */
import { LRUCache } from 'lru-cache'
import type { Instance } from './types.js'

/** About 24,000 requests of two trucks, more than live at once in a large city. A missing entry costs one read. */
const MAX_CACHE_BYTES = 96 * 1024 * 1024

/** What an instance costs beside its snapshot's JSON: parsed objects take about three times the text. */
const OVERHEAD_BYTES = 1024
const PARSED_PER_JSON_BYTE = 3

interface Entry {
  readonly instance: Instance
  confirmedAt: number
}

export class SnapshotCache {
  readonly #entries = new LRUCache<string, Entry>({ maxSize: MAX_CACHE_BYTES })

  get(id: string): Readonly<Entry> | undefined {
    return this.#entries.get(id)
  }

  /**
   * Notes what a read or commit showed. An older version than the one known confirms the known one:
   * that one was committed after the read's view of the database, which is after the read began.
   */
  note(instance: Instance, confirmedAt: number, jsonBytes: number): void {
    if (this.confirm(instance.id, instance.version, confirmedAt) !== undefined) return
    const size = OVERHEAD_BYTES + PARSED_PER_JSON_BYTE * jsonBytes
    this.#entries.set(instance.id, { instance, confirmedAt }, { size })
  }

  /** The same for a version that is known already, or an older one: answers the one that is known. */
  confirm(id: string, version: number, confirmedAt: number): Instance | undefined {
    const known = this.#entries.get(id)
    if (known === undefined || known.instance.version < version) return undefined
    known.confirmedAt = Math.max(known.confirmedAt, confirmedAt)
    return known.instance
  }

  drop(id: string): void {
    this.#entries.delete(id)
  }
}
