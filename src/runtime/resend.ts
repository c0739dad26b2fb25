/*
 * A commit whose connection is lost may or may not have been applied, and may still land later. The same guarded
 * statement is sent again: if the first landed, its guards now fail, and the journal tells by uid that it was ours.
 */
import type { Logger } from 'pino'
import { DELIVERY_LEASE_MS } from './delivery.js'
import { StoreUnavailableError } from './errors.js'
import { type Platform, pause, processPlatform } from './platform.js'
import type { InstanceWrite, Store, WriteResult } from './ports.js'

/** Longer than a failover's first reconnect, shorter than a caller's patience of 30 s. */
const RESEND_FOR_MS = 8_000
const FIRST_PAUSE_MS = 25
const MAX_PAUSE_MS = 1_000

/** Commits, through lost connections. Throws the last error when the database stays away. */
export async function writeSurely(
  store: Store,
  writes: readonly InstanceWrite[],
  log: Logger,
  platform: Platform = processPlatform,
): Promise<readonly WriteResult[]> {
  const giveUpAt = platform.monotonicMs() + RESEND_FOR_MS
  let pauseMs = FIRST_PAUSE_MS
  for (let attempt = 1; ; attempt++) {
    try {
      const results = await store.commit(writes, DELIVERY_LEASE_MS)
      return attempt === 1 ? results : await recogniseOurs(store, writes, results)
    } catch (error) {
      const isWorthIt = error instanceof StoreUnavailableError && !error.isLasting
      if (!isWorthIt || platform.monotonicMs() + pauseMs > giveUpAt) throw error
      log.warn({ err: error, attempt, instances: writes.length }, 'a commit got no answer and is sent again')
      await pause(platform, pauseMs * (0.5 + platform.random()))
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
    }
  }
}

const MAY_STILL_APPLY: ReadonlySet<WriteResult['kind']> = new Set(['claimed', 'unmet', 'busy'])

/**
 * If the guard of a resent write fails, its own first attempt may have been applied. If only keys, locks or preconditions
 * blocked it, the version is still the one that the first attempt expects, so that attempt may still be applied.
 */
async function recogniseOurs(
  store: Store,
  writes: readonly InstanceWrite[],
  results: readonly WriteResult[],
): Promise<WriteResult[]> {
  let hasOurs = false
  const recognised = await Promise.all(
    writes.map(async (write, i): Promise<WriteResult> => {
      const result = results[i] ?? { kind: 'stale' }
      if (result.kind === 'moved' || result.kind === 'unstorable') return result
      const [first] = await store.history(write.row.id, write.expectedVersion, 1)
      if (first !== undefined && first.uid === write.journal[0]?.uid) {
        hasOurs = true
        return { kind: 'moved' }
      }
      return MAY_STILL_APPLY.has(result.kind) ? { kind: 'unknown' } : result
    }),
  )
  if (hasOurs) await store.confirmDurable()
  return recognised
}
