/** Counts work under way, of which at most `max` may run at once. What does not fit is for the caller to keep. */
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

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    if (this.#running > 0) await new Promise<void>(resolve => this.#whenIdle.push(resolve))
  }
}
