/*
 * The adapter's subscriber: passes on the connection's messages, unpacked. It renews subscriptions itself after a
 * reconnect, because ioredis would reject a promise that nobody handles. A foreign message is logged and dropped here;
 * inside the adapter it would end the process.
 */
import { EventEmitter } from 'node:events'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { unpack } from './packing.js'

type Subscription = 'subscribe' | 'psubscribe' | 'ssubscribe'

/** The event names that the adapters use. The message is the last argument. */
const messageEvents = ['messageBuffer', 'pmessageBuffer', 'smessageBuffer'] as const

export class Subscriber extends EventEmitter {
  readonly #redis: Redis
  readonly #log: Logger
  readonly #wanted = new Map<string, Subscription>()
  /** Channels that Redis refused on this connection, for example for a missing permission that may be granted later. */
  readonly #refused = new Set<string>()
  readonly #detach: (() => void)[] = []

  constructor(redis: Redis, log: Logger) {
    super()
    this.#redis = redis
    this.#log = log
    redis.options.autoResubscribe = false
    const again = () => {
      this.#refused.clear()
      for (const [channel, how] of this.#wanted) this.#ask(how, channel)
    }
    redis.on('ready', again)
    this.#detach.push(() => redis.off('ready', again))
    for (const event of messageEvents) {
      const pass = (...parts: (string | Buffer)[]) => this.#pass(event, parts)
      redis.on(event, pass)
      this.#detach.push(() => redis.off(event, pass))
    }
  }

  subscribe(channels: string | readonly string[]): void {
    for (const channel of [channels].flat()) this.#want('subscribe', channel)
  }

  psubscribe(pattern: string): void {
    this.#want('psubscribe', pattern)
  }

  ssubscribe(channel: string): void {
    this.#want('ssubscribe', channel)
  }

  /** Stops passing on messages. The subscriptions end with the connection. */
  detach(): void {
    for (const detach of this.#detach.splice(0)) detach()
    this.removeAllListeners()
  }

  /**
   * Resolves when all subscriptions requested on this connection are active; replies come in order. Retries refused ones
   * once, and rejects if one is refused again.
   */
  async settled(): Promise<void> {
    await this.#redis.ping()
    await Promise.all([...this.#refused].map(channel => this.#ask(this.#wanted.get(channel), channel)))
    if (this.#refused.size > 0) throw new Error(`Redis refuses ${this.#refused.size} subscriptions`)
  }

  #want(how: Subscription, channel: string): void {
    this.#wanted.set(channel, how)
    if (this.#redis.status === 'ready') this.#ask(how, channel)
  }

  async #ask(how: Subscription | undefined, channel: string): Promise<void> {
    if (how === undefined) return
    try {
      await this.#redis[how](channel)
      this.#refused.delete(channel)
    } catch (error) {
      if (!this.#refused.has(channel)) this.#log.warn({ err: error, channel }, `Redis refused to ${how}`)
      this.#refused.add(channel)
    }
  }

  #pass(event: string, parts: readonly (string | Buffer)[]): void {
    try {
      this.emit(event, ...parts.slice(0, -1), unpack(parts.at(-1) as Buffer))
    } catch (error) {
      this.#log.warn({ err: error, channel: String(parts.at(-2)) }, 'dropped a foreign message from Redis')
    }
  }
}
