/* Counts of one and the last window in Redis, added to by all processes: one script call for all that is told. */
import type { SharedCounts } from '../../dispatch/ports.js'
import { connectRedis, type RedisLog, type RedisPlace } from './connection.js'

/** Both windows that are looked at, and some seconds by which clocks may differ. */
const KEPT_MS = 150_000

/** KEYS: for each count its key in this window and in the last. ARGV: how long they are kept, then what is added. */
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
  /** The last call failed: until one succeeds, each process counts for itself. */
  isFailing(): boolean
}

/** Does not wait for Redis: what is asked before it is reached fails, or is answered when it is. */
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

/** All in one slot, so that one script may touch all of them in a cluster too. Presence has another slot. */
const KEY_PREFIX = 'loadcast:{limits}'

const keyOf = (key: string, window: number) => `${KEY_PREFIX}:${key}:${window}`
