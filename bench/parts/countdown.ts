/** Nothing that takes longer than this will come any more. */
const PATIENCE_MS = 180_000

/** Waits for a known number of events. */
export class Countdown {
  /** Resolves when all have been counted. Rejects after three minutes, or if there are too many. */
  readonly done: Promise<void>
  #left: number
  #settle: { resolve(): void; reject(error: Error): void } = { resolve() {}, reject() {} }

  constructor(count: number) {
    this.#left = count
    this.done = new Promise((resolve, reject) => {
      const alarm = setTimeout(() => reject(new Error(`${this.#left} of ${count} never came`)), PATIENCE_MS)
      this.#settle = {
        resolve() {
          clearTimeout(alarm)
          resolve()
        },
        reject,
      }
    })
    this.done.catch(() => {}) // The caller that awaits it handles the rejection.
  }

  countOne(): void {
    this.#left -= 1
    if (this.#left === 0) this.#settle.resolve()
    if (this.#left < 0) throw new Error('more events came than were expected')
  }
}
