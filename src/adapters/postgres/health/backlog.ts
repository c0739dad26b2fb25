/* The waiting work for monitoring: one short statement, bounded whatever the amount. */
import type { Pool } from 'pg'
import { query } from '../connection/query.js'
import { IS_DEAD } from '../engine/dead-timers.js'

/** A larger backlog is a problem anyway, and counting it would add load. */
const COUNTED_AT_MOST = 10_000
/** The database is queried no more often than this, however many callers there are. */
const AGE_MS = 2_000

const backlogSql = `
select
  (select count(*)::integer from (select from {outbox} limit ${COUNTED_AT_MOST}) o) as "outboxDepth",
  (select coalesce(extract(epoch from clock_timestamp() - min(due_at)) * 1000, 0)::float8
     from {outbox} where due_at < now()) as "outboxAgeMs",
  (select coalesce(extract(epoch from clock_timestamp() - min(due_at)) * 1000, 0)::float8
     from {timers} where due_at < now() and (leased_until is null or leased_until < now())) as "timersOverdueMs",
  (select count(*)::integer from (select from {dead_letters} limit ${COUNTED_AT_MOST}) d) as "deadLetters",
  (select count(*)::integer from (select from {timers} t where ${IS_DEAD} limit ${COUNTED_AT_MOST}) t) as "deadTimers"`

export interface Backlog {
  readonly outboxDepth: number
  readonly outboxAgeMs: number
  readonly timersOverdueMs: number
  readonly deadLetters: number
  readonly deadTimers: number
}

/** Returns a recent result to callers in between. Throws if the database does not answer. */
export function createBacklog(
  pool: Pool,
  now: () => number = () => performance.now(),
): () => Promise<Backlog> {
  let latest: { readonly at: number; readonly found: Promise<Backlog> } | undefined
  return () => {
    if (latest === undefined || now() - latest.at > AGE_MS) latest = { at: now(), found: find(pool) }
    return latest.found
  }
}

async function find(pool: Pool): Promise<Backlog> {
  const [row] = await query<Backlog>(pool, backlogSql, [])
  if (row === undefined) throw new Error('A statement without a source has one row')
  return row
}
