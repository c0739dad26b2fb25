/* The counts of all processes in Redis, for this window and the previous one. One script call sends all new counts. */
import type { SharedCounts } from '../../dispatch/ports.js'
import { connectRedis, type RedisLog, type RedisPlace } from './connection.js'

/** Covers both windows, and some seconds by which clocks may differ. */
const KEPT_MS = 150_000

/** KEYS: two for each count, of this window and the previous one. ARGV: milliseconds to keep them, then the counts. */
const ADD = `
local totals = {}
for i = 1, #KEYS, 2 do
  totals[i] = redis.call('incrby', KEYS[i], ARGV[(i + 1) / 2 + 1])
  if totals[i] == tonumber(ARGV[(i + 1) / 2 + 1]) then redis.call('pexpire', KEYS[i], ARGV[1]) end
  totals[i + 1] = tonumber(redis.call('get', KEYS[i + 1]) or 0)
end
return totals`

export interface SharedCountsOptions extends RedisPlace {
  readonly log: RedisLog
  readonly commandTimeoutMs?: number
}

export interface RedisCounts extends SharedCounts {
  /** True if the last call failed. Until one succeeds, each process counts for itself. */
  isFailing(): boolean
}

/** Does not wait for Redis. Calls before it is connected fail, or are answered when it is. */
export function createSharedCounts(options: SharedCountsOptions): RedisCounts {
  const redis = connectRedis({ ...options, purpose: 'limits', slotOf: KEY_PREFIX })
  let isFailing = false
  return {
    isFailing: () => isFailing,
    async add(counted) {
      const keys = counted.flatMap(({ key, window }) => [keyOf(key, window), keyOf(key, window - 1)])
      const added = counted.map(c => c.count)
      const totals = await redis.eval(ADD, keys.length, ...keys, KEPT_MS, ...added).then(
        answer => {
          isFailing = false
          return answer as number[]
        },
        error => {
          isFailing = true
          throw error
        },
      )
      return counted.map((_, i) => ({ current: totals[2 * i] ?? 0, previous: totals[2 * i + 1] ?? 0 }))
    },
    close: () => redis.disconnect(),
  }
}

/** All keys are in one slot, so that one script may use all of them in a cluster too. Presence has another slot. */
const KEY_PREFIX = 'loadcast:{limits}'

const keyOf = (key: string, window: number) => `${KEY_PREFIX}:${key}:${window}`
