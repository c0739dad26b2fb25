/*
 * Redis' time, known without asking it each time: what counts as present is measured by the one clock that all
 * processes share, so theirs may differ by hours.
 */
import type { Redis } from 'ioredis'

/** Quartz drifts by some milliseconds in this time; a clock that is set jumps, and is right again after it. */
const ASK_AGAIN_MS = 10_000

export class RedisClock {
  /** Redis' milliseconds less ours, which begin with the process and never jump. */
  #offset: Promise<number> | undefined
  #askedAt = Number.NEGATIVE_INFINITY

  /** Milliseconds since the epoch, as Redis counts them; a round trip once in ten seconds. */
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
