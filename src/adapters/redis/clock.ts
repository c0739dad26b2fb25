/*
 * The time of Redis, without a request for each reading. All processes measure presence by this one clock, so their own
 * clocks may differ by hours.
 */
import type { Redis } from 'ioredis'

/** A quartz clock drifts by some milliseconds in this time. If the server's clock jumps, ours is right again after it. */
const ASK_AGAIN_MS = 10_000

export class RedisClock {
  /** Milliseconds of Redis less ours. Ours start with the process and never jump. */
  #offset: Promise<number> | undefined
  #askedAt = Number.NEGATIVE_INFINITY

  /** Milliseconds since the epoch by the clock of Redis. Takes a round trip once in ten seconds. */
  async now(redis: Redis): Promise<number> {
    const ours = performance.now()
    if (this.#offset === undefined || ours - this.#askedAt > ASK_AGAIN_MS) {
      this.#askedAt = ours
      this.#offset = ask(redis).catch(error => {
        this.#offset = undefined
        throw error
      })
    }
    return (await this.#offset) + performance.now()
  }
}

async function ask(redis: Redis): Promise<number> {
  const begunAt = performance.now()
  const [seconds, microseconds] = await redis.time()
  const middle = (begunAt + performance.now()) / 2
  return Number(seconds) * 1_000 + Number(microseconds) / 1_000 - middle
}
