/**
 * Work on many things at once: while one call is under way the next things gather for the next. Each `add` resolves, or
 * rejects, with the call that its thing was in.
 */
export class Gathering<T> {
  readonly #work: (things: readonly T[]) => Promise<void>
  readonly #maxBatch: number
  readonly #pauseMs: number
  #waiting: { readonly thing: T; resolve(): void; reject(error: unknown): void }[] = []
  #running: Promise<void> | undefined

  /** `pauseMs`: how long a call that is not full waits for more. */
  constructor(maxBatch: number, work: (things: readonly T[]) => Promise<void>, pauseMs = 0) {
    this.#maxBatch = maxBatch
    this.#work = work
    this.#pauseMs = pauseMs
  }

  get size(): number {
    return this.#waiting.length
  }

  add(thing: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ thing, resolve, reject })
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined
      })
    })
  }

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #run(): Promise<void> {
    // What comes in this very tick is one call already.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      if (this.#pauseMs > 0 && this.#waiting.length < this.#maxBatch) {
        await new Promise(resolve => setTimeout(resolve, this.#pauseMs))
      }
      const batch = this.#waiting.slice(0, this.#maxBatch)
      this.#waiting = this.#waiting.slice(this.#maxBatch)
      try {
        await this.#work(batch.map(({ thing }) => thing))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
  }
}
