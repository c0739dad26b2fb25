/* A Redis lock in the usual way: SET NX PX with a token, released by a script that compares the token. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'

/** Longer than the work under the lock. After this another client may take it, whatever the holder believes. */
const HELD_MS = 10_000
/** The pause between tries, ± 50 %, a default of libraries. With half of it, a crowd's retries halve the throughput. */
const RETRY_MS = 200
/** Callers have given up by then. */
const PATIENCE_MS = 30_000

const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end`

export class LockTimeoutError extends Error {}

/** Runs `work` under the lock `name`. Throws `LockTimeoutError` after half a minute without the lock. */
export async function withLock<T>(redis: Redis, name: string, work: () => Promise<T>): Promise<T> {
  const key = `lock:${name}`
  const token = randomUUID()
  const giveUpAt = performance.now() + PATIENCE_MS
  while ((await redis.set(key, token, 'PX', HELD_MS, 'NX')) === null) {
    if (performance.now() > giveUpAt) throw new LockTimeoutError(`${name} stayed locked`)
    await delay(RETRY_MS * (0.5 + Math.random()))
  }
  try {
    return await work()
  } finally {
    await redis.eval(RELEASE, 1, key, token)
  }
}
