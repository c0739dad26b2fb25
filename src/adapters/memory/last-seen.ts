/*
 * Who was seen when, in the order of being seen: what has lapsed is always at the front, so that looking for it
 * costs nothing while there is none. Bounded: the one not seen for longest goes first.
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

  /** Puts the entry at the end. Answers one that had to go for it, if any. */
  see(id: string, entry: T): readonly [string, T] | undefined {
    this.#entries.delete(id)
    this.#entries.set(id, entry)
    if (this.#entries.size <= this.#limit) return undefined
    const oldest = this.#entries.entries().next().value
    if (oldest !== undefined) this.#entries.delete(oldest[0])
    return oldest
  }

  /** Takes out everything last seen before `time`, oldest first. */
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
