/* The connection that presence works over: each script is a command on it. What is asked in one turn goes out together. */
import type { Redis } from 'ioredis'
import { PresenceLost } from '../../../dispatch/ports.js'
import { RedisClock } from '../clock.js'
import type { RedisWatch } from '../watch.js'
import { type ScriptName, scripts } from './scripts.js'

const PREFIX = 'loadcast:presence'

export type Argument = string | number

export interface PresenceRules {
  /** Drivers are spread over so many slots of a cluster, each with all that belongs to them; a search asks them all. */
  readonly shards: number
  readonly driverTtlMs: number
  readonly transporterTtlMs: number
  /** How long after a loss heartbeats take to fill presence again. 0: absence is believed from the start. */
  readonly fillMs: number
  /** A test's own time, in milliseconds; else Redis'. */
  readonly now?: (() => number) | undefined
}

export class PresenceConnection {
  readonly shards: readonly number[]
  readonly rules: PresenceRules
  readonly #redis: Redis
  readonly #watch: RedisWatch
  readonly #clock = new RedisClock()

  constructor(redis: Redis, watch: RedisWatch, rules: PresenceRules) {
    this.#redis = redis
    this.#watch = watch
    this.rules = rules
    this.shards = Array.from({ length: rules.shards }, (_, shard) => shard)
    for (const [name, lua] of Object.entries(scripts)) redis.defineCommand(name, { numberOfKeys: 1, lua })
  }

  /** The script on the shard that holds `id`. */
  one(name: ScriptName, id: string, ...more: readonly Argument[]): Promise<unknown> {
    return this.run(name, this.shardOf(id), [id, ...more])
  }

  /** The script on every shard, in one round trip. */
  all(name: ScriptName, ...more: readonly Argument[]): Promise<readonly unknown[]> {
    return Promise.all(this.shards.map(shard => this.run(name, shard, more)))
  }

  /** The script on each shard that holds some of the ids, `before` going before them; in one round trip. */
  each(
    name: ScriptName,
    ids: readonly string[],
    before: readonly Argument[] = [],
  ): Promise<readonly unknown[]> {
    const idsByShard = this.shards.map((): string[] => [])
    for (const id of ids) idsByShard[this.shardOf(id)]?.push(id)
    return Promise.all(
      idsByShard.flatMap((some, shard) =>
        chunks(some).map(chunk => this.run(name, shard, [...before, ...chunk])),
      ),
    )
  }

  run(name: ScriptName, shard: number, more: readonly Argument[]): Promise<unknown> {
    const { driverTtlMs, transporterTtlMs, fillMs, now } = this.rules
    const rules = [now?.() ?? '', driverTtlMs, transporterTtlMs, fillMs, gapMs(driverTtlMs)]
    return this.ask(redis => {
      const commands = redis as unknown as Record<ScriptName, (...args: Argument[]) => Promise<unknown>>
      return commands[name](keyOf(shard), ...rules, ...more)
    })
  }

  /** Everything goes through here: fails at once while Redis is down, and tells the watch when it fails. */
  async ask<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    if (!this.#watch.isUp()) throw new PresenceLost('Redis does not answer')
    try {
      return await work(this.#redis)
    } catch (error) {
      this.#watch.failed(error)
      throw new PresenceLost('Redis failed', { cause: error })
    }
  }

  /** Redis' time, or a test's. */
  async now(): Promise<number> {
    return this.rules.now?.() ?? (await this.ask(redis => this.#clock.now(redis)))
  }

  /** FNV-1a: spreads ids that differ in their last digit only. */
  shardOf(id: string): number {
    let hash = 0x811c9dc5
    for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
    return (hash >>> 0) % this.rules.shards
  }
}

/** What all keys of a shard begin with: the braces keep them in one slot of a cluster. */
export const keyOf = (shard: number) => `${PREFIX}:{${shard}}`

/**
 * A pause between sweeps after which presence is not believed: within half the TTL whoever is here has beaten again
 * afterwards, and nobody lapsed in it. Not less than some turns of the sweep.
 */
export const gapMs = (driverTtlMs: number) => Math.max(5_000, driverTtlMs / 2)

/** Arguments of one call: a script that runs over more holds up everybody else. */
const CHUNK = 500

function chunks<T>(items: readonly T[]): T[][] {
  const result: T[][] = []
  for (let start = 0; start < items.length; start += CHUNK) result.push(items.slice(start, start + CHUNK))
  return result
}
