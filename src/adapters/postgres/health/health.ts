/* Database checks for `/health`. Each is one or two short statements. */
import type { Pool } from 'pg'
import { qualified } from '../connection/engine-schema.js'
import { IS_DEAD } from '../engine/dead-timers.js'
import { pendingMigrations } from '../schema/migrate.js'
import { readProductMigrations } from '../schema/migration-files.js'
import { createWriteCheck } from './write-check.js'

/** A check's result in `/health`. */
interface Check {
  readonly status: 'ok' | 'degraded' | 'down'
  readonly [fact: string]: unknown
}

/**
 * Processes look for timers every second, and for deliveries of dead processes every few seconds. Ten times that is a
 * problem.
 */
const TOLERATED_LAG_MS = 10_000

/** A larger number is a problem anyway, and counting it would add load. */
const COUNTED_AT_MOST = 10_000

/**
 * How long the timer or delivery that is due longest has been due, without leased ones. Both are the first row of an
 * index.
 */
const timerLagSql = `select extract(epoch from clock_timestamp() - min(due_at))::float8 * 1000 as lag_ms
  from {timers} where due_at < now() and (leased_until is null or leased_until < now())`
const deadTimersSql = `select count(*)::integer as count from (select from {timers} t where ${IS_DEAD} limit ${COUNTED_AT_MOST}) t`
const outboxLagSql = `select extract(epoch from clock_timestamp() - min(due_at))::float8 * 1000 as lag_ms
  from {outbox} where due_at < now()`

export function createPostgresChecks(pool: Pool) {
  // The files of this release, read at the start: during an upgrade newer files may replace them on disk.
  const ours = readProductMigrations()
  ours.catch(() => {}) // the check reports it
  const checkWrites = createWriteCheck(pool)
  return {
    /** `writes` and `room` come from an actual write. */
    async postgres(): Promise<Check> {
      const facts = await checkWrites()
      if (!facts.writes) return { status: 'down', reason: 'read-only', ...facts }
      if (facts.room === false) return { status: 'degraded', reason: 'disk full', ...facts }
      return { status: 'ok', ...facts }
    },
    async migrations(): Promise<Check> {
      const pending = await pendingMigrations(pool, await ours)
      return pending.length === 0 ? { status: 'ok' } : { status: 'down', pending: pending.length }
    },
    /** A dead timer leaves its instance stuck until an operator acts, but this process does its work. */
    async timers(): Promise<Check> {
      const [check, { rows }] = await Promise.all([
        checkLag(pool, timerLagSql),
        pool.query<{ count: number }>(qualified(deadTimersSql)),
      ])
      return { ...check, dead: rows[0]?.count ?? 0 }
    },
    outbox: () => checkLag(pool, outboxLagSql),
  }
}

/** Recent failures outweigh a check that succeeds: a full disk refuses writes but answers reads. */
export function withRecentFailures(check: Check, failing: Readonly<Record<string, number>>): Check {
  if (Object.keys(failing).length === 0) return check
  return { ...check, status: check.status === 'ok' ? 'degraded' : check.status, failing }
}

async function checkLag(pool: Pool, sql: string): Promise<Check> {
  const { rows } = await pool.query<{ lag_ms: number | null }>(qualified(sql))
  const lagMs = Math.max(0, Math.round(rows[0]?.lag_ms ?? 0))
  return { status: lagMs > TOLERATED_LAG_MS ? 'degraded' : 'ok', lagMs }
}
