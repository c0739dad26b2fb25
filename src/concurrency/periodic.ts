/** Work that is done again and again, never twice at once. A failure is logged, and tried again at its next turn. */
export class Periodic {
  readonly #everyMs: number
  readonly #work: () => Promise<void>
  readonly #onFailure: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(everyMs: number, work: () => Promise<void>, onFailure: (error: unknown) => void) {
    this.#everyMs = everyMs
    this.#work = work
    this.#onFailure = onFailure
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#running ??= this.#work()
        .catch(this.#onFailure)
        .finally(() => {
          this.#running = undefined
        })
    }, this.#everyMs)
    this.#timer.unref()
  }

  /** Waits for the turn that is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await this.#running
  }
}
