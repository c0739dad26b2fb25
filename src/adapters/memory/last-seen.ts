/*
 * Entries in the order in which they were last seen. Expired entries are always at the front, so a search for them costs
 * nothing if there are none. The number of entries is bounded: the one not seen for longest is removed first.
 */
export class LastSeen<T extends { lastSeenAt: number }> {
  readonly #entries = new Map<string, T>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get(id: string): T | undefined {
    return this.#entries.get(id)
  }

  delete(id: string): T | undefined {
    const entry = this.#entries.get(id)
    this.#entries.delete(id)
    return entry
  }

  /** Moves the entry to the end. Returns the entry that was removed to make room, if any. */
  see(id: string, entry: T): readonly [string, T] | undefined {
    this.#entries.delete(id)
    this.#entries.set(id, entry)
    if (this.#entries.size <= this.#limit) return undefined
    const oldest = this.#entries.entries().next().value
    if (oldest !== undefined) this.#entries.delete(oldest[0])
    return oldest
  }

  /** Removes and returns all entries last seen before `time`, oldest first. */
  takeBefore(time: number): (readonly [string, T])[] {
    const taken: (readonly [string, T])[] = []
    for (const [id, entry] of this.#entries) {
      if (entry.lastSeenAt > time) break
      taken.push([id, entry])
      this.#entries.delete(id)
    }
    return taken
  }
}
