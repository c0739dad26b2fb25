import { type Alarms, type Cancel, processAlarms } from './alarms.js'

export interface PeriodicOptions {
  /** The pause before each turn, counted from the end of the one before: milliseconds, or a function that draws them. */
  readonly everyMs: number | (() => number)
  readonly work: () => Promise<void>
  /** A turn has failed. The next one comes all the same. */
  readonly onFailure: (error: unknown) => void
  readonly alarms?: Pick<Alarms, 'after'>
  /** False: a process that waits for the next turn does not end by itself. */
  readonly inBackground?: boolean
}

/** Repeats work, never two turns at once. */
export class Periodic {
  readonly #options: PeriodicOptions
  #isStarted = false
  #cancel: Cancel = () => {}
  #turn: Promise<void> | undefined

  constructor(options: PeriodicOptions) {
    this.#options = options
  }

  get isStarted(): boolean {
    return this.#isStarted
  }

  /** The first turn comes after the first pause, or at once with `atOnce`. */
  start({ atOnce = false } = {}): void {
    if (this.#isStarted) return
    this.#isStarted = true
    if (atOnce) this.#begin()
    else this.#wait()
  }

  /** No turn begins after this. Resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#isStarted = false
    this.#cancel()
    await this.#turn
  }

  #wait(): void {
    if (!this.#isStarted) return
    const { everyMs, alarms = processAlarms, inBackground = true } = this.#options
    const delayMs = typeof everyMs === 'number' ? everyMs : everyMs()
    this.#cancel = alarms.after(delayMs, () => this.#begin(), { inBackground })
  }

  #begin(): void {
    const { work, onFailure } = this.#options
    this.#turn = work()
      .catch(onFailure)
      .finally(() => {
        this.#turn = undefined
        this.#wait()
      })
  }
}
