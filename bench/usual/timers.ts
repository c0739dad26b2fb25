/* Deadlines in the usual way: a sorted set in Redis by time, polled every five seconds. */
import type { Redis } from 'ioredis'
import { inFlight } from '../measure.js'

const KEY = 'deadlines'
const POLL_EVERY_MS = 5_000
const BATCH = 1_000
/** The number that expire at once, as many as the pool has connections. */
const AT_ONCE = 32

export interface UsualTimers {
  set(id: string, dueAt: number): Promise<void>
  /** Starts polling. The first poll is at once. */
  start(): void
  stop(): Promise<void>
}

/** Calls `fire` for each due deadline after it has been removed from the set. If `fire` fails, the deadline is lost. */
export function createUsualTimers(redis: Redis, fire: (id: string) => Promise<unknown>): UsualTimers {
  let alarm: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined

  async function look(): Promise<void> {
    for (;;) {
      const due = await redis.zrangebyscore(KEY, '-inf', Date.now(), 'LIMIT', 0, BATCH)
      await inFlight(due.length, AT_ONCE, async i => {
        const id = due[i] ?? ''
        if ((await redis.zrem(KEY, id)) === 1) await fire(id)
      })
      if (due.length < BATCH) return
    }
  }

  /** Starts a poll, unless the previous one is still running. */
  function tick(): void {
    looking ??= look().finally(() => {
      looking = undefined
    })
  }

  return {
    async set(id, dueAt) {
      await redis.zadd(KEY, dueAt, id)
    },
    start() {
      tick()
      alarm = setInterval(tick, POLL_EVERY_MS)
    },
    async stop() {
      clearInterval(alarm)
      await looking
      await redis.del(KEY)
    },
  }
}
