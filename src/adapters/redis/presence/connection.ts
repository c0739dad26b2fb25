/*
 * The connection that presence works over: each script is a command on it, and all that is asked in one turn of the
 * event loop goes out as one pipeline.
 */
import type { Redis } from 'ioredis'
import { PresenceLost } from '../../../dispatch/ports.js'
import type { RedisWatch } from '../watch.js'
import { type ScriptName, scripts } from './scripts.js'

/**
 * Drivers are spread over so many slots of a cluster, each with all that belongs to them. Processes of one cluster
 * must agree on it. More would make a search, which asks them all at once, dearer than it need be.
 */
const SHARDS = 4

const PREFIX = 'loadcast:presence'

export type Argument = string | number

export interface PresenceTimes {
  readonly driverTtlMs: number
  readonly transporterTtlMs: number
  /** How long after a loss heartbeats take to fill presence again. 0: absence is believed from the start. */
  readonly fillMs: number
  /** A test's own time, in milliseconds; else Redis'. */
  readonly now?: (() => number) | undefined
}

/** What one script answered, on one shard. */
type Answer = unknown

export class PresenceConnection {
  readonly #redis: Redis
  readonly #watch: RedisWatch
  readonly #times: PresenceTimes

  constructor(redis: Redis, watch: RedisWatch, times: PresenceTimes) {
    this.#redis = redis
    this.#watch = watch
    this.#times = times
    for (const [name, lua] of Object.entries(scripts)) redis.defineCommand(name, { numberOfKeys: 1, lua })
  }

  /** The script on the shard that holds `id`. */
  one(name: ScriptName, id: string, ...more: readonly Argument[]): Promise<Answer> {
    return this.#guard(this.#run(name, shardOf(id), [id, ...more]))
  }

  /** The script on every shard, in one round trip. */
  all(name: ScriptName, ...more: readonly Argument[]): Promise<readonly Answer[]> {
    return this.#guard(Promise.all(shards.map(shard => this.#run(name, shard, more))))
  }

  /** The script on each shard that holds some of the ids, `before` going before them; in one round trip. */
  each(
    name: ScriptName,
    ids: readonly string[],
    before: readonly Argument[] = [],
  ): Promise<readonly Answer[]> {
    const idsByShard = new Map<number, string[]>()
    for (const id of ids) {
      const shard = shardOf(id)
      const others = idsByShard.get(shard)
      if (others === undefined) idsByShard.set(shard, [id])
      else others.push(id)
    }
    const runs = [...idsByShard].flatMap(([shard, some]) =>
      chunks(some).map(chunk => this.#run(name, shard, [...before, ...chunk])),
    )
    return this.#guard(Promise.all(runs))
  }

  #run(name: ScriptName, shard: number, more: readonly Argument[]): Promise<Answer> {
    if (!this.#watch.isUp()) return Promise.reject(new PresenceLost('Redis does not answer'))
    const { driverTtlMs, transporterTtlMs, fillMs, now } = this.#times
    const command = (this.#redis as unknown as Record<string, (...args: Argument[]) => Promise<unknown>>)[
      name
    ]
    if (command === undefined) throw new Error(`${name} is no command of this connection`)
    const key = `${PREFIX}:{${shard}}`
    return command.call(
      this.#redis,
      key,
      now?.() ?? '',
      driverTtlMs,
      transporterTtlMs,
      fillMs,
      gapMs(driverTtlMs),
      ...more,
    )
  }

  async #guard<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked
    } catch (error) {
      if (error instanceof PresenceLost) throw error
      this.#watch.failed(error)
      throw new PresenceLost('Redis failed', { cause: error })
    }
  }
}

/**
 * A pause between sweeps after which presence is not believed: within half the TTL whoever is here has beaten again
 * afterwards, and nobody lapsed in it. Not less than some turns of the sweep.
 */
const gapMs = (driverTtlMs: number) => Math.max(5_000, driverTtlMs / 2)

const shards = Array.from({ length: SHARDS }, (_, shard) => shard)

/** Arguments of one call: a script that runs over more holds up everybody else. */
const CHUNK = 500

function chunks<T>(items: readonly T[]): T[][] {
  const result: T[][] = []
  for (let start = 0; start < items.length; start += CHUNK) result.push(items.slice(start, start + CHUNK))
  return result
}

/** FNV-1a: spreads ids that differ in their last digit only. */
function shardOf(id: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % SHARDS
}
