/*
 * What this process knows of instances without a read: rows that callers have read, snapshots that it has committed,
 * and the answers that follow from them. limits.ts says for how long they are used.
 */
import type { Refusal } from '../definition.js'
import type { Registry } from '../definitions/registry.js'
import type { Platform } from '../platform.js'
import type { Store, StoredInstance } from '../ports.js'
import type { Instance } from '../types.js'
import { MAX_READ_IDS, RECALL_MS, REFUSAL_FROM_MEMORY_MS } from './limits.js'
import { type Rewind, SnapshotCache } from './snapshot-cache.js'

export class KnownInstances {
  readonly cache: SnapshotCache
  readonly #restored = new WeakMap<StoredInstance, Instance>()
  readonly #registry: Registry
  readonly #platform: Platform

  /** `onRewind` is called when the database shows an older state than it has shown before. */
  constructor(registry: Registry, platform: Platform, onRewind: (rewind: Rewind) => void) {
    this.#registry = registry
    this.#platform = platform
    this.cache = new SnapshotCache(() => platform.monotonicMs(), onRewind)
  }

  /** Records a row that a caller has read. `readStartedAt` is the monotonic time before the read was sent. */
  noteRead(row: StoredInstance, readStartedAt: number): Instance {
    const known = this.cache.confirm(row, readStartedAt)
    if (known !== undefined) return known
    const instance = this.restore(row)
    this.cache.note(instance, readStartedAt, JSON.stringify(row.snapshot).length)
    return instance
  }

  /** Reads instances that are not known, for events that will soon arrive. If the read fails, the events read again. */
  async readAhead(store: Pick<Store, 'load'>, ids: readonly string[]): Promise<void> {
    const missing = ids.filter(id => this.cache.get(id) === undefined)
    for (let i = 0; i < missing.length; i += MAX_READ_IDS) {
      const startedAt = this.#platform.monotonicMs()
      const rows = await store.load(missing.slice(i, i + MAX_READ_IDS))
      for (const row of rows) this.noteRead(row, startedAt)
    }
  }

  /** Restores a row once for all callers that read it together. */
  restore(row: StoredInstance): Instance {
    const known = this.#restored.get(row)
    if (known !== undefined) return known
    const instance = { ...row, snapshot: this.#registry.restore(row) }
    this.#restored.set(row, instance)
    return instance
  }

  /** The instance from memory: a version not below `version` that was the present one within the last moments. */
  recall(id: string, version: number): Instance | undefined {
    const known = this.cache.get(id)
    if (known === undefined || known.instance.version < version) return undefined
    return this.#ageOf(known) > RECALL_MS ? undefined : known.instance
  }

  refuseFromMemory(id: string, eventType: string): Refusal | undefined {
    const known = this.cache.get(id)
    if (known === undefined || this.#ageOf(known) > REFUSAL_FROM_MEMORY_MS) return undefined
    const { machine, definitionVersion } = known.instance
    const { definition } = this.#registry.get(machine).at(definitionVersion)
    return definition.refusePermanently(known.instance.snapshot, eventType)
  }

  #ageOf({ confirmedAt }: { confirmedAt: number }): number {
    return this.#platform.monotonicMs() - confirmedAt
  }
}
