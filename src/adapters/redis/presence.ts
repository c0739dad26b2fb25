/* Presence in Redis, put together: a connection of its own, a watch over it, and what `/health` says of both. */
import { randomUUID } from 'node:crypto'
import type { Presence } from '../../dispatch/ports.js'
import { connectRedis, type RedisLog, type RedisPlace } from './connection.js'
import { keyOf, PresenceConnection } from './presence/connection.js'
import { isAnyFilling } from './presence/filling.js'
import { presenceOver } from './presence/presence.js'
import { watchRedis } from './watch.js'

export interface RedisPresenceOptions extends RedisPlace {
  readonly transporterTtlMs: number
  readonly driverTtlMs: number
  readonly log: RedisLog
  readonly caFile?: string
  /** Heartbeats come every 12 s; one more for those that are on their way. 0 believes an empty Redis at once. */
  readonly fillMs?: number
  readonly commandTimeoutMs?: number
  readonly shards?: number
  /** How often Redis is tried unasked; see `watchRedis`. */
  readonly probeEveryMs?: number
  /** A test's own time, in milliseconds; else Redis'. */
  readonly now?: () => number
}

/** As `/health` shows it. */
export interface RedisCheck {
  readonly status: 'ok' | 'degraded' | 'down'
  readonly [fact: string]: unknown
}

export interface RedisPresence {
  readonly presence: Presence
  check(): Promise<RedisCheck>
  close(): void
}

const FILL_MS = 13_000
/**
 * One slot bears the heartbeats of some hundred thousand drivers, and every further one is asked by every search.
 * All processes must agree; another number counts as an emptied Redis, which heartbeats fill. In a cluster it stays one,
 * since the connection goes to the master of one slot only.
 */
const SHARDS = 1
const PURPOSE = 'presence'

/** Resolves when Redis is reached, or after a bounded time without it. */
export async function createRedisPresence(options: RedisPresenceOptions): Promise<RedisPresence> {
  const { shards = SHARDS, transporterTtlMs, driverTtlMs, fillMs = FILL_MS, now, probeEveryMs } = options
  const { mode = 'standalone' } = options
  if (mode === 'cluster' && shards !== 1) throw new Error('presence in a cluster lies in one slot')
  const redis = connectRedis({ ...options, purpose: PURPOSE, slotOf: keyOf(0) })
  const watch = await watchRedis(redis, {
    purpose: PURPOSE,
    probeKey: `${keyOf(0)}:probe`,
    log: options.log,
    ...(probeEveryMs === undefined ? {} : { everyMs: probeEveryMs }),
  })
  const rules = { shards, transporterTtlMs, driverTtlMs, fillMs, now }
  const connection = new PresenceConnection(redis, watch, rules)
  const presence = presenceOver(connection, randomUUID())
  return {
    presence,
    async check() {
      const { isUp, ms, reason } = await watch.check()
      if (!isUp) return { status: 'down', mode, presence: 'lost: offers go to everyone available', reason }
      if (await isAnyFilling(connection))
        return { status: 'degraded', mode, presence: 'being filled by heartbeats', ms }
      return { status: 'ok', mode, presence: 'in Redis', ms }
    },
    close: () => watch.close(),
  }
}
