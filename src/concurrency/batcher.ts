/*
 * Turns many single items into few calls. While calls are in progress, further items wait for the next call. So a
 * single item does not wait, and thousands of items a second take some hundred calls. An item added after a call began
 * is never part of it.
 */
import { type Alarms, processAlarms } from './alarms.js'
import { Limit } from './limit.js'
import { SlabMap } from './slab.js'
import { withResolvers } from './with-resolvers.js'

/**
 * Decides when the next call begins, after an item was added to an empty batcher or was left over. It runs `start`
 * then.
 */
export type Begin = (start: () => void, isFull: boolean) => void

/** In this tick: items that the present callback adds go together. */
export const inThisTick: Begin = start => queueMicrotask(start)

/** After all callbacks of this tick. */
export const afterThisTick =
  (alarms: Pick<Alarms, 'soon'>): Begin =>
  start =>
    alarms.soon(start)

/** After a pause before each call. A crowd is served one batch at a time, at a fixed pace. */
export const afterPause =
  (pauseMs: number, alarms: Pick<Alarms, 'after'> = processAlarms): Begin =>
  start =>
    void alarms.after(pauseMs, start)

/** After a pause, or at once if a whole batch waits. */
export const whenFullOrAfter =
  (pauseMs: number, alarms: Pick<Alarms, 'after'> = processAlarms): Begin =>
  (start, isFull) => {
    if (isFull) queueMicrotask(start)
    else alarms.after(pauseMs, start)
  }

export interface BatcherOptions<T, R> {
  /** Makes one call. Returns the answers in the order of its items, or nothing if no caller waits for answers. */
  // biome-ignore lint/suspicious/noConfusingVoidType: work without answers returns a plain promise.
  readonly work: (things: readonly T[]) => Promise<readonly R[] | void>
  /** Items of one call. */
  readonly maxBatch: number
  readonly begin: Begin
  /** Calls in progress at a time. */
  readonly maxCalls?: number
  /** Waiting items with the same name share one answer. The latest of them is in the call. */
  readonly nameOf?: ((thing: T) => string) | undefined
  /** Whether a failed call is repeated with each item alone, so that one item cannot fail the others. */
  readonly isolates?: ((error: unknown) => boolean) | undefined
}

interface Waiting<T, R> {
  thing: T
  readonly promise: Promise<R>
  resolve(answer: R): void
  reject(error: unknown): void
}

export class Batcher<T, R = void> {
  readonly #options: BatcherOptions<T, R>
  readonly #calls: Limit
  readonly #named = new SlabMap<Waiting<T, R>>()
  #waiting: Waiting<T, R>[] = []
  #isBeginning = false
  #whenIdle: (() => void)[] = []

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options
    this.#calls = new Limit(options.maxCalls ?? 1)
  }

  /** The number of items that wait for a call. */
  get size(): number {
    return this.#waiting.length
  }

  /** Resolves with the answer to this item, or rejects with the failure of its call. */
  add(thing: T): Promise<R> {
    const name = this.#options.nameOf?.(thing)
    const same = name === undefined ? undefined : this.#named.get(name)
    if (same !== undefined) {
      same.thing = thing
      return same.promise
    }
    const { promise, resolve, reject } = withResolvers<R>()
    const waiting: Waiting<T, R> = { thing, promise, resolve, reject }
    this.#waiting.push(waiting)
    if (name !== undefined) this.#named.set(name, waiting)
    this.#beginLater()
    return promise
  }

  /** Drops the items that wait for a call. Their promises stay pending. */
  clear(): void {
    for (const { thing } of this.#waiting) this.#forgetName(thing)
    this.#waiting = []
    this.#tellIfIdle()
  }

  /** Starts the waiting calls at once. Resolves when nothing waits and nothing is in progress. */
  async flush(): Promise<void> {
    while (this.#waiting.length + this.#calls.running > 0) {
      this.#start()
      await this.#calls.idle()
    }
  }

  /** Resolves when nothing waits and nothing is in progress. */
  async idle(): Promise<void> {
    if (this.#waiting.length + this.#calls.running > 0) {
      await new Promise<void>(resolve => this.#whenIdle.push(resolve))
    }
  }

  #beginLater(): void {
    if (this.#isBeginning || this.#calls.isFull) return
    this.#isBeginning = true
    this.#options.begin(() => {
      this.#isBeginning = false
      this.#start()
    }, this.#waiting.length >= this.#options.maxBatch)
  }

  #start(): void {
    while (this.#waiting.length > 0 && !this.#calls.isFull) {
      const batch = this.#waiting.splice(0, this.#options.maxBatch)
      for (const { thing } of batch) this.#forgetName(thing)
      this.#calls
        .run(() => this.#call(batch))
        .then(() => {
          if (this.#waiting.length > 0) this.#beginLater()
          else this.#tellIfIdle()
        })
    }
  }

  #forgetName(thing: T): void {
    const name = this.#options.nameOf?.(thing)
    if (name !== undefined) this.#named.delete(name)
  }

  /** Never rejects. */
  async #call(batch: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const answers = await this.#options.work(batch.map(({ thing }) => thing))
      if (answers !== undefined && answers.length !== batch.length) {
        throw new Error(`expected ${batch.length} answers, got ${answers.length}`)
      }
      for (const [i, { resolve }] of batch.entries()) resolve(answers?.[i] as R)
    } catch (error) {
      if (batch.length === 1 || this.#options.isolates?.(error) !== true) {
        for (const { reject } of batch) reject(error)
        return
      }
      for (const one of batch) await this.#call([one])
    }
  }

  #tellIfIdle(): void {
    if (this.#waiting.length + this.#calls.running > 0) return
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }
}
