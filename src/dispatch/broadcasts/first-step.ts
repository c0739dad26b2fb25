/*
 * How many transporters were offered a request in its first step. The subscriber that handles the step sets the number,
 * and the answer to the create waits for it. Either may come first. Both usually run in one process, because deliveries
 * begin where they were committed. Otherwise the wait times out and the create counts in the database.
 */
import { LRUCache } from 'lru-cache'
import { SlabMap } from '../../concurrency/slab.js'

/** Counts that no create has read yet. A create reads its count within milliseconds. */
const MAX_KEPT = 10_000

export class FirstStep {
  readonly #counts = new LRUCache<string, number>({ max: MAX_KEPT })
  readonly #waiting = new SlabMap<Set<(count: number) => void>>()

  settle(broadcastId: string, count: number): void {
    this.#counts.set(broadcastId, count)
    for (const resolve of this.#waiting.get(broadcastId) ?? []) resolve(count)
  }

  /** Returns `undefined` if the count is not set within `timeoutMs`. */
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
