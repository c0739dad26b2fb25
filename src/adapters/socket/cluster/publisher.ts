/*
 * The adapter's publisher. No caller ever waits for Redis: `publish` resolves at once. (The sharded adapter emits to
 * its own sockets only after the reply, and the classic one does not handle rejections.) The queue of messages is
 * bounded. Dropped messages are recorded, so that other processes can be told to read what they missed.
 */
import { EventEmitter } from 'node:events'
import type { Redis } from 'ioredis'
import { pack } from './packing.js'

/** Some seconds of events of a busy process. Without a bound an outage of Redis would fill the memory. */
const MAX_WAITING_MESSAGES = 10_000
const MAX_WAITING_BYTES = 16 * 1_048_576

/**
 * The part of Redis that the adapters use. They also listen to `error`, which is handled where the connection is made.
 */
export class Publisher extends EventEmitter {
  readonly #redis: Pick<Redis, 'publish' | 'spublish'>
  readonly #onRecovered: (afterMs: number) => void
  #waiting = 0
  #waitingBytes = 0
  #dropped = 0
  /** When the first dropped message was published. */
  #droppedFrom = 0

  /** Calls `onRecovered` when a message succeeds after others were dropped, the first of them `afterMs` ago. */
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

  /** The number of messages dropped since the last success. */
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
