/*
 * Whether Redis can be used, known before anybody asks it: one who finds it failing tells the others, who then do
 * not wait for it, and a small write, tried again and again, finds when it is back. A write, for a Redis that is
 * full, or a replica, still answers those who read.
 */
import type { RedisConnection, RedisLog } from './connection.js'

/** How soon Redis is used again when it is back. */
const PROBE_EVERY_MS = 500
/** At the start of a process: so long is Redis waited for, that the first request finds it. */
const FIRST_PROBE_MS = 2_000

export interface RedisWatch {
  /** Costs nothing: for whoever would ask Redis next. */
  isUp(): boolean
  /** Whoever found a command failing: from now on nobody waits, until a probe gets through. */
  failed(error: unknown): void
  /** For `/health`: asks now, in bounded time. */
  check(): Promise<{ readonly isUp: boolean; readonly ms: number; readonly reason?: string }>
  /** Ends the connection too. */
  close(): void
}

/** Connects, and waits for it for a bounded time; a process starts without Redis as it goes on without it. */
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
    // A lost connection has told so itself.
    if (redis.status === 'ready') log.warn({ purpose, reason }, 'Redis fails; going on without it')
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

  // The first connection: what fails is told by the connection itself, which goes on trying.
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
