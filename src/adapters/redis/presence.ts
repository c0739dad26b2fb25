/* Composes presence in Redis: its connection, the watch over it, and the check for `/health`. */
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
  /**
   * Time for heartbeats to fill an empty Redis. They come every 12 s; one second is for those in transit. 0: an empty
   * Redis is trusted.
   */
  readonly fillMs?: number
  readonly commandTimeoutMs?: number
  readonly shards?: number
  /** How often Redis is probed; see `watchRedis`. */
  readonly probeEveryMs?: number
  /** A clock in milliseconds, for tests. Absent: the clock of Redis. */
  readonly now?: () => number
}

/** The check's result in `/health`. */
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
 * One slot of a cluster handles the heartbeats of some hundred thousand drivers. Every further one must be queried by
 * every search. All processes must agree: a different number looks like an emptied Redis, which heartbeats then fill.
 * In a cluster it stays one, because the connection goes to the master of a single slot.
 */
const SHARDS = 1
const PURPOSE = 'presence'

/** Resolves when Redis answers, or after a bounded time without it. */
export async function createRedisPresence(options: RedisPresenceOptions): Promise<RedisPresence> {
  const { shards = SHARDS, transporterTtlMs, driverTtlMs, fillMs = FILL_MS, now, probeEveryMs } = options
  const { mode = 'standalone' } = options
  if (mode === 'cluster' && shards !== 1) throw new Error('Presence in a cluster must be in one slot')
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
