/*
 * A commit whose connection is lost may or may not have been applied, and may still land later. The same guarded
 * statement is sent again: if the first landed, its guards now fail, and the journal tells by uid that it was ours.
 */
import type { Logger } from 'pino'
import { type Backoff, backoffMs, plainBackoffMs } from '../../concurrency/backoff.js'
import { DELIVERY_LEASE_MS } from '../delivery/sweeping.js'
import { StoreUnavailableError } from '../errors.js'
import { type Platform, pause, processPlatform } from '../platform.js'
import type { InstanceWrite, Store, WriteResult } from '../ports.js'

/**
 * From the first failure of any commit: longer than a failover's first reconnect, shorter than a caller's patience of 30 s.
 * Later commits of the same outage do not get as long again, because their callers have waited behind the earlier ones.
 */
const RESEND_FOR_MS = 8_000
/** When an outage ends, the pool still holds lost connections: the second attempt finds a good one. */
const RESEND_AT_LEAST_MS = 1_000
const PAUSES: Backoff = { firstMs: 25, longestMs: 1_000, spread: [0.5, 1.5] }

export type SendCommit = (writes: readonly InstanceWrite[]) => Promise<readonly WriteResult[]>

/**
 * Returns a function that commits through lost connections. It throws the last error when the database stays away. All
 * commits of a store must go through one of these, which knows how long the store has been away.
 */
export function createCommitSender(
  store: Store,
  log: Logger,
  platform: Platform = processPlatform,
): SendCommit {
  let awaySince: number | undefined

  return async writes => {
    const startedAt = platform.monotonicMs()
    for (let attempt = 1; ; attempt++) {
      try {
        const results = await store.commit(writes, DELIVERY_LEASE_MS)
        awaySince = undefined
        return attempt === 1 ? results : await recogniseOurs(store, writes, results)
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || error.isLasting) throw error
        awaySince ??= startedAt
        const giveUpAt = Math.max(awaySince + RESEND_FOR_MS, startedAt + RESEND_AT_LEAST_MS)
        if (platform.monotonicMs() + plainBackoffMs(PAUSES, attempt) > giveUpAt) throw error
        log.warn(
          { err: error, attempt, instances: writes.length },
          'a commit got no answer and is sent again',
        )
        await pause(platform, backoffMs(PAUSES, attempt, platform.random))
      }
    }
  }
}

const MAY_STILL_APPLY: ReadonlySet<WriteResult['kind']> = new Set(['claimed', 'unmet', 'limited', 'busy'])

/**
 * If the guard of a resent write fails, its own first attempt may have been applied. If only claims, locks, preconditions or
 * limits blocked it, the version is still the one that the first attempt expects, so that attempt may still be applied.
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
