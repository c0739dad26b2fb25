/*
 * The connection of presence. Each script is a command on it. Commands of one turn of the event loop are sent together.
 */
import type { Redis } from 'ioredis'
import { PresenceLost } from '../../../dispatch/ports.js'
import { RedisClock } from '../clock.js'
import type { RedisWatch } from '../watch.js'
import { type ScriptName, scripts } from './scripts.js'

const PREFIX = 'loadcast:presence'

export type Argument = string | number

export interface PresenceRules {
  /** The number of slots over which drivers and their facts are spread. A search queries all of them. */
  readonly shards: number
  readonly driverTtlMs: number
  readonly transporterTtlMs: number
  /** How long heartbeats need to fill presence after a loss. 0: absence is believed from the start. */
  readonly fillMs: number
  /** A clock in milliseconds, for tests. Absent: the clock of Redis. */
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

  /** Runs the script on the shard of `id`. */
  one(name: ScriptName, id: string, ...more: readonly Argument[]): Promise<unknown> {
    return this.run(name, this.shardOf(id), [id, ...more])
  }

  /** Runs the script on every shard, in one round trip. */
  all(name: ScriptName, ...more: readonly Argument[]): Promise<readonly unknown[]> {
    return Promise.all(this.shards.map(shard => this.run(name, shard, more)))
  }

  /** Runs the script on each shard that holds some of the ids, with `before` as first arguments. One round trip. */
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

  /** All commands use this. Fails at once while Redis is unavailable, and reports failures to the watch. */
  async ask<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    if (!this.#watch.isUp()) throw new PresenceLost('Redis does not answer')
    try {
      return await work(this.#redis)
    } catch (error) {
      this.#watch.failed(error)
      throw new PresenceLost('Redis failed', { cause: error })
    }
  }

  /** Milliseconds since the epoch by the clock of Redis, or by that of a test. */
  async now(): Promise<number> {
    return this.rules.now?.() ?? (await this.ask(redis => this.#clock.now(redis)))
  }

  /** FNV-1a, which also spreads ids that differ only in their last digit. */
  shardOf(id: string): number {
    let hash = 0x811c9dc5
    for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
    return (hash >>> 0) % this.rules.shards
  }
}

/** The prefix of all keys of a shard. The braces keep them in one slot of a cluster. */
export const keyOf = (shard: number) => `${PREFIX}:{${shard}}`

/**
 * After a longer pause between sweeps presence is not trusted. Within half the TTL every present driver has sent
 * another heartbeat, and no presence expired unseen. At least several periods of the sweep.
 */
export const gapMs = (driverTtlMs: number) => Math.max(5_000, driverTtlMs / 2)

/** Arguments of one call. A script with more would block all other clients of Redis. */
const CHUNK = 500

function chunks<T>(items: readonly T[]): T[][] {
  const result: T[][] = []
  for (let start = 0; start < items.length; start += CHUNK) result.push(items.slice(start, start + CHUNK))
  return result
}
