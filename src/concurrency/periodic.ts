import { type Alarms, type Cancel, processAlarms } from './alarms.js'

export interface PeriodicOptions {
  /** The pause before each run, from the end of the previous one: milliseconds, or a function that returns them. */
  readonly everyMs: number | (() => number)
  readonly work: () => Promise<void>
  /** A run has failed. The next one still comes. */
  readonly onFailure: (error: unknown) => void
  readonly alarms?: Pick<Alarms, 'after'>
  /** If false, a process that waits for the next run does not end by itself. */
  readonly inBackground?: boolean
}

/** Repeats work, never two runs at a time. */
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

  /** The first run comes after the first pause, or at once with `atOnce`. */
  start({ atOnce = false } = {}): void {
    if (this.#isStarted) return
    this.#isStarted = true
    if (atOnce) this.#begin()
    else this.#wait()
  }

  /** Starts no further run. Resolves when the run in progress has ended. */
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
