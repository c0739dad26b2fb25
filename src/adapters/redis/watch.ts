/*
 * Knows whether Redis can be used, so that callers do not have to wait to find out. A caller whose command fails reports
 * it, and from then on nobody waits for Redis. A small write, repeated at intervals, finds out when it is back. It has to
 * be a write, because a full Redis or a replica still answers reads.
 */
import type { RedisConnection, RedisLog } from './connection.js'

/** After this long a recovered Redis is used again. */
const PROBE_EVERY_MS = 500
/** How long the start of a process waits for Redis, so that the first request can use it. */
const FIRST_PROBE_MS = 2_000

export interface RedisWatch {
  /** Answers from memory. Call it before each use of Redis. */
  isUp(): boolean
  /** Reports a failed command. From then on callers do not wait for Redis, until a probe succeeds. */
  failed(error: unknown): void
  /** Probes Redis now, in bounded time, for `/health`. */
  check(): Promise<{ readonly isUp: boolean; readonly ms: number; readonly reason?: string }>
  /** Ends the connection too. */
  close(): void
}

/** Connects, and waits for Redis for a bounded time. A process starts without Redis, as it runs without it. */
export async function watchRedis(
  redis: RedisConnection,
  options: { purpose: string; probeKey: string; log: RedisLog; everyMs?: number },
): Promise<RedisWatch> {
  const { purpose, probeKey, log, everyMs = PROBE_EVERY_MS } = options
  let isUp = false
  let reason: string | undefined = 'not reached yet'
  let probing: Promise<void> | undefined

  function noteFailure(error: unknown) {
    reason = error instanceof Error ? error.message : String(error)
    if (!isUp) return
    isUp = false
    // The connection itself has logged its loss.
    if (redis.status === 'ready') log.warn({ purpose, reason }, 'Redis is unavailable, continuing without it')
  }

  async function probe() {
    try {
      await redis.set(probeKey, '1', 'PX', 60_000)
      if (!isUp && reason !== undefined) log.info({ purpose }, 'Redis works again')
      isUp = true
      reason = undefined
    } catch (error) {
      noteFailure(error)
    }
  }

  function probeOnce(): Promise<void> {
    probing ??= probe().finally(() => {
      probing = undefined
    })
    return probing
  }

  // The first connection. It logs its own failures and retries.
  let timer: NodeJS.Timeout | undefined
  await Promise.race([
    redis.connect().then(probeOnce, () => {}),
    new Promise(resolve => {
      timer = setTimeout(resolve, FIRST_PROBE_MS)
    }),
  ]).finally(() => clearTimeout(timer))
  const interval = setInterval(probeOnce, everyMs)
  interval.unref()

  return {
    isUp: () => isUp,
    failed: noteFailure,
    async check() {
      const begunAt = performance.now()
      await probeOnce()
      const ms = Math.round(performance.now() - begunAt)
      const why = redis.misfit ?? reason
      return { isUp, ms, ...(why === undefined ? {} : { reason: why }) }
    },
    close() {
      clearInterval(interval)
      redis.disconnect()
    },
  }
}
