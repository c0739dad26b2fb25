/*
 * The journal has a partition for each month (migrations/0023_journal_months.sql). The migration creates partitions
 * months ahead, and so does a running process once a day. A commit that finds none creates it (commit.ts).
 */
import pg from 'pg'
import type { EnginePool } from '../connection/engine-schema.js'

/** Once a day is enough, because partitions are created at least two months ahead. */
const LOOK_EVERY_MS = 24 * 3_600_000
/** Far shorter than a month, and long enough not to flood the log during an outage. */
const RETRY_AFTER_MS = 60_000

const MAKE_MONTHS = 'select {make_journal_months}()'

export interface JournalMonths {
  /** Creates the partitions that are due. */
  make(): Promise<void>
  /** Calls `make` in the background if it has not succeeded today. Call it every few seconds. */
  keep(): void
}

/** `now` is a monotonic clock in milliseconds. */
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

/** Whether an insert into a partitioned table found no partition for its row. */
export const isMissingPart = (error: unknown) =>
  error instanceof pg.DatabaseError && error.code === '23514' && error.routine === 'ExecFindPartition'
