/*
 * What the adapter publishes with. Nobody ever waits for Redis: a message is handed over and answered for at once.
 * (The sharded adapter tells its own sockets only after the answer; the classic one would leave a rejection
 * that nobody handles.) What may wait for Redis to come back is bounded; what had to be dropped is known,
 * so that the others can be told to look for what they missed.
 */
import { EventEmitter } from 'node:events'
import type { Redis } from 'ioredis'
import { pack } from './packing.js'

/** Some seconds of events of a busy process. */
const MAX_WAITING_MESSAGES = 10_000
const MAX_WAITING_BYTES = 16 * 1_048_576

/** As the adapters know Redis: `on` and `off` are for its `error`, which is handled where the connection is made. */
export class Publisher extends EventEmitter {
  readonly #redis: Pick<Redis, 'publish' | 'spublish'>
  readonly #onRecovered: (afterMs: number) => void
  #waiting = 0
  #waitingBytes = 0
  #dropped = 0
  /** When the first of them was published. */
  #droppedFrom = 0

  /** `onRecovered`: a message got through after some did not, the first of them so many milliseconds ago. */
  constructor(redis: Pick<Redis, 'publish' | 'spublish'>, onRecovered: (afterMs: number) => void) {
    super()
    this.#redis = redis
    this.#onRecovered = onRecovered
  }

  publish(channel: string, message: string | Buffer): Promise<number> {
    return this.#send(packed => this.#redis.publish(channel, packed), message)
  }

  spublish(channel: string, message: string | Buffer): Promise<number> {
    return this.#send(packed => this.#redis.spublish(channel, packed), message)
  }

  /** Messages that were dropped since one last got through. */
  get dropped(): number {
    return this.#dropped
  }

  get waiting(): number {
    return this.#waiting
  }

  #send(send: (message: string | Buffer) => Promise<unknown>, message: string | Buffer): Promise<number> {
    const at = performance.now()
    const isFull = this.#waiting >= MAX_WAITING_MESSAGES || this.#waitingBytes >= MAX_WAITING_BYTES
    if (isFull) this.#drop(at)
    else this.#handOver(send, pack(message), at)
    return Promise.resolve(0)
  }

  #handOver(send: (message: string | Buffer) => Promise<unknown>, packed: string | Buffer, at: number): void {
    this.#waiting += 1
    this.#waitingBytes += packed.length
    send(packed)
      .then(
        () => this.#gotThrough(),
        () => this.#drop(at),
      )
      .finally(() => {
        this.#waiting -= 1
        this.#waitingBytes -= packed.length
      })
  }

  #drop(publishedAt: number): void {
    this.#droppedFrom = this.#dropped === 0 ? publishedAt : Math.min(this.#droppedFrom, publishedAt)
    this.#dropped += 1
  }

  #gotThrough(): void {
    if (this.#dropped === 0) return
    this.#dropped = 0
    this.#onRecovered(performance.now() - this.#droppedFrom)
  }
}
