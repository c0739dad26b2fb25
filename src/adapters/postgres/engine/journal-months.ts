/*
 * The journal has a part for each month (migrations/0023_journal_months.sql). Parts are made months ahead: by the migration, and
 * once a day by a running process. A commit that finds none makes it (commit.ts).
 */
import pg from 'pg'
import type { EnginePool } from '../connection/engine-schema.js'

/** Parts are made two months ahead at least. */
const LOOK_EVERY_MS = 24 * 3_600_000
/** Far less than a month, far more than an outage of the database logs. */
const RETRY_AFTER_MS = 60_000

const MAKE_MONTHS = 'select {make_journal_months}()'

export interface JournalMonths {
  /** Makes the parts that are due. */
  make(): Promise<void>
  /** Does so in the background if it has not been done today. Call it every few seconds. */
  keep(): void
}

/** `now`: a monotonic clock in milliseconds. */
export function createJournalMonths(
  pool: EnginePool,
  onError: (error: unknown) => void,
  now: () => number = () => performance.now(),
): JournalMonths {
  let nextAt = Number.NEGATIVE_INFINITY

  async function make(): Promise<void> {
    await pool.query(MAKE_MONTHS)
  }

  return {
    make,
    keep() {
      if (now() < nextAt) return
      nextAt = now() + LOOK_EVERY_MS
      make().catch(error => {
        nextAt = now() + RETRY_AFTER_MS
        onError(error)
      })
    },
  }
}

/** An insert into a partitioned table found no part for its row. */
export const isMissingPart = (error: unknown) =>
  error instanceof pg.DatabaseError && error.code === '23514' && error.routine === 'ExecFindPartition'
