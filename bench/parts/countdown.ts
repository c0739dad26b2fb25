/** What is waited for would otherwise be waited for in vain. */
const PATIENCE_MS = 180_000

/** Waits for so many of something. */
export class Countdown {
  /** Resolves when all have been counted. Rejects after three minutes, and when there are too many. */
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
    this.done.catch(() => {}) // whoever waits for it hears of it
  }

  countOne(): void {
    this.#left -= 1
    if (this.#left === 0) this.#settle.resolve()
    if (this.#left < 0) throw new Error('more came than were waited for')
  }
}
