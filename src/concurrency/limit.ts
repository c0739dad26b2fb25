/** Counts work in progress and allows at most `max` at a time. It has no queue: the caller keeps what does not fit. */
export class Limit {
  readonly #max: number
  #running = 0
  #whenIdle: (() => void)[] = []

  constructor(max: number) {
    this.#max = max
  }

  get isFull(): boolean {
    return this.#running >= this.#max
  }

  get running(): number {
    return this.#running
  }

  /** Begins `work` at once. Throws if the limit is full: look at `isFull` first. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.isFull) throw new Error(`expected less than ${this.#max} under way`)
    this.#running++
    try {
      return await work()
    } finally {
      this.#running--
      if (this.#running === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
    }
  }

  /** Resolves when nothing is in progress. */
  async idle(): Promise<void> {
    if (this.#running > 0) await new Promise<void>(resolve => this.#whenIdle.push(resolve))
  }
}
