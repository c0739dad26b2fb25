/* A lock in Redis as it is usually written: SET NX PX with a token, released by a script that compares it. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'

/** Longer than what is done under it; after that it is somebody else's, whatever the holder believes. */
const HELD_MS = 10_000
/** Between tries, up and down by half, as libraries come with it. With half of it a crowd's asking halves what is decided. */
const RETRY_MS = 200
/** Callers have given up by then. */
const PATIENCE_MS = 30_000

const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end`

export class LockTimeoutError extends Error {}

/** Runs `work` while nobody else runs theirs under the same name. Throws `LockTimeoutError` after half a minute. */
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
