/*
 * How many were offered a request in its first step: known to the subscriber that handles the step, wanted by
 * the answer to the create. Either may come first. Both are in one process, as deliveries begin where they were
 * committed; if not, the one who waits gives up and counts in the database.
 */
import { LRUCache } from 'lru-cache'
import { SlabMap } from '../../concurrency/slab.js'

/** Counts that nobody has asked for yet; a create asks within milliseconds. */
const MAX_KEPT = 10_000

export class FirstStep {
  readonly #counts = new LRUCache<string, number>({ max: MAX_KEPT })
  readonly #waiting = new SlabMap<Set<(count: number) => void>>()

  settle(broadcastId: string, count: number): void {
    this.#counts.set(broadcastId, count)
    for (const resolve of this.#waiting.get(broadcastId) ?? []) resolve(count)
  }

  /** `undefined` when it was not settled within `timeoutMs`. */
  async wait(broadcastId: string, timeoutMs: number): Promise<number | undefined> {
    const count = this.#counts.get(broadcastId)
    if (count !== undefined) return count
    return new Promise(resolve => {
      const done = (value: number | undefined) => {
        clearTimeout(timer)
        const others = this.#waiting.get(broadcastId)
        others?.delete(done)
        if (others?.size === 0) this.#waiting.delete(broadcastId)
        resolve(value)
      }
      const timer = setTimeout(() => done(undefined), timeoutMs)
      const waiting = this.#waiting.get(broadcastId) ?? new Set()
      this.#waiting.set(broadcastId, waiting.add(done))
    })
  }
}
