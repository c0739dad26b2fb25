/* Work that waits, for those who watch: one short statement, bounded however much there is. */
import type { Pool } from 'pg'
import { query } from '../connection/query.js'
import { IS_DEAD } from '../engine/dead-timers.js'

/** More than this is trouble all the same, and counting it would add to it. */
const COUNTED_AT_MOST = 10_000
/** However many ask, the database is asked no more often. */
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

/** Answers what it found a moment ago to whoever asks in between. Throws when the database does not answer. */
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
