/* Counts of one and the last window in Redis, added to by all processes: one script call for all that is told. */
import type { SharedCounts } from '../../dispatch/ports.js'
import { connectRedis, type RedisLog } from './connection.js'

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

export interface SharedCountsOptions {
  readonly url: string
  readonly log: RedisLog
  readonly commandTimeoutMs?: number
}

/** Does not wait for Redis: what is asked before it is reached fails, or is answered when it is. */
export function createSharedCounts({ url, log, commandTimeoutMs }: SharedCountsOptions): SharedCounts {
  const limit = commandTimeoutMs === undefined ? {} : { commandTimeoutMs }
  const redis = connectRedis({ url, log, purpose: 'limits', ...limit })
  return {
    async add(counted) {
      const keys = counted.flatMap(({ key, window }) => [keyOf(key, window), keyOf(key, window - 1)])
      const totals = (await redis.eval(
        ADD,
        keys.length,
        ...keys,
        KEPT_MS,
        ...counted.map(c => c.count),
      )) as number[]
      return counted.map((_, i) => ({ current: totals[2 * i] ?? 0, previous: totals[2 * i + 1] ?? 0 }))
    },
    close: () => redis.disconnect(),
  }
}

/** In one slot, so that one script may touch all of them on a cluster too. */
const keyOf = (key: string, window: number) => `loadcast:{limits}:${key}:${window}`
