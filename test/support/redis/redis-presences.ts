/* Presence in Redis for tests: several, as in several processes, on one server, with a time that the test moves. */
import { Redis } from 'ioredis'
import { createRedisPresence, type RedisPresence } from '../../../src/adapters/redis/presence.js'

export const TRANSPORTER_TTL_MS = 120_000
export const DRIVER_TTL_MS = 60_000

/** A log that fails the test: no warning is expected here. */
export const strictRedisLog = {
  info() {},
  warn(fields: object, message: string) {
    throw new Error(message, { cause: fields })
  },
}

export interface RedisPresences {
  /** Opens presence as in one more process. `fillMs` is 0 by default, so keys missing in an empty Redis count as absent. */
  open(options?: {
    readonly fillMs?: number
    readonly url?: string
    readonly probeEveryMs?: number
  }): Promise<RedisPresence>
  /** Moves time on for all of them. */
  passTime(ms: number): void
  /** Sends a command over a connection of its own. */
  ask(command: string, ...args: (string | number)[]): Promise<unknown>
  /** All keys and values in Redis, as text. */
  contents(): Promise<string>
  close(): void
}

export function redisPresences(server: { readonly url: string }): RedisPresences {
  const opened: RedisPresence[] = []
  let time = Date.now()
  let client: Redis | undefined
  const redis = () => {
    client ??= new Redis(server.url)
    return client
  }
  return {
    async open({ fillMs = 0, url = server.url, ...more } = {}) {
      const made = await createRedisPresence({
        url,
        transporterTtlMs: TRANSPORTER_TTL_MS,
        driverTtlMs: DRIVER_TTL_MS,
        log: strictRedisLog,
        // A machine that is busy with other tests must not count as an outage.
        commandTimeoutMs: 10_000,
        fillMs,
        now: () => time,
        ...more,
      })
      opened.push(made)
      return made
    },
    passTime(ms) {
      time += ms
    },
    ask: (command, ...args) => redis().call(command, ...args),
    async contents() {
      const keys = await redis().keys('*')
      const values = await Promise.all(keys.map(key => read(redis(), key)))
      return keys.map((key, i) => `${key} ${JSON.stringify(values[i])}`).join('\n')
    },
    close() {
      for (const made of opened.splice(0)) made.close()
      client?.disconnect()
      client = undefined
    },
  }
}

async function read(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'hash':
      return await redis.hgetall(key)
    case 'zset':
      return await redis.zrange(key, 0, -1, 'WITHSCORES')
    case 'set':
      return await redis.smembers(key)
    default:
      return await redis.get(key)
  }
}
