/*
 * A resume's statements on full tables: they read what concerns the reader, whatever else there is, with statistics and
 * without, and however the tables have grown since the statistics were made.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { qualified } from '../../../src/adapters/postgres/connection/engine-schema.js'
import { bind } from '../../../src/adapters/postgres/connection/statement.js'
import { eventsIn, eventsOf } from '../../../src/adapters/postgres/product/resume-events.js'
import { positionValues } from '../../../src/adapters/postgres/product/resume-page.js'
import { createResumeStore, firstIdAt } from '../../../src/adapters/postgres/product/resume-store.js'
import { eventsSwept } from '../../../src/adapters/postgres/product/sweep-events.js'
import type { Person } from '../../../src/dispatch/person.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'

const REQUESTS = process.env.LOADCAST_LONG_TESTS !== undefined ? 100_000 : 10_000
const TRANSPORTERS = 200
const EVENTS_EACH = 5
const TABLES = ['instances', 'events', 'recipients', 'trips', 'outbox', 'claims', 'dead_letters']
const HOUR = 3_600_000_000
const DAY_MS = 24 * 3_600_000

let database: TestDatabase
let sql: pg.Pool

beforeAll(async () => {
  database = await createTestDatabase()
  sql = new pg.Pool({ connectionString: database.connectionString, max: 1, options: '-c jit=off' })
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

/** A day of requests; of each an offer to three of the transporters, and a trip of every fourth. */
async function fill(): Promise<void> {
  await sql.query(`
    create temporary table filler as
    select n, now() - interval '24 hours' * n / ${REQUESTS} as at,
      (lpad(to_hex((extract(epoch from now() - interval '24 hours' * n / ${REQUESTS}) * 1000)::bigint), 12, '0')
        || '70008' || lpad(to_hex(n), 15, '0'))::uuid as id
    from generate_series(1, ${REQUESTS}) n`)
  for (const statement of [
    `insert into instances (id, machine, definition_version, version, status, owner, snapshot_json, created_at, updated_at)
       select id, 'broadcast', 1, ${EVENTS_EACH}, 'expired', 'c' || n % 1000,
       '{"context":{"pickup":{},"drop":{}}}', at, at from filler`,
    `insert into events (instance, version, index, type, payload_json, audience, at, recorded_at)
       select id, v, 0, case v when ${EVENTS_EACH} then 'broadcast.expired' else 'broadcast.created' end, '{}',
         array['c' || n % 1000], at, at + interval '20 seconds' * v
       from filler, generate_series(1, ${EVENTS_EACH}) v`,
    `insert into recipients (broadcast_id, transporter_id, step, offered_at, declined_at)
       select id, 't' || (n * 7 + k * 31) % ${TRANSPORTERS}, '1', at, case when n % 5 = 0 then at end from filler, generate_series(1, 3) k`,
    `insert into trips select id, id, 1, 't1', 'c' || n % 1000, 't' || n % ${TRANSPORTERS}, 'd' || n % 1000, 'v',
       'completed', '{}', '{}', at, at, at + interval '1 minute' from filler where n % 4 = 0`,
  ]) {
    await sql.query(statement)
  }
}

/** Rows that were read, by whatever scan, while `work` ran. */
async function rowsRead(work: () => Promise<unknown>): Promise<number> {
  // Within one transaction the counters of this connection are not handed over to the server's.
  await sql.query('begin')
  const before = await counted()
  await work()
  const after = await counted()
  await sql.query('rollback')
  return after - before
}

async function counted(): Promise<number> {
  const { rows } = await sql.query<{ n: number }>(
    `select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::float8 as n
     from pg_stat_xact_user_tables where relname = any($1)`,
    [TABLES],
  )
  return rows[0]?.n ?? Number.NaN
}

interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly Plans?: readonly Plan[]
}
const scannedWhole = (plan: Plan): string[] => [
  ...(plan['Node Type'] === 'Seq Scan' && TABLES.includes(plan['Relation Name'] ?? '')
    ? [plan['Relation Name'] ?? '']
    : []),
  ...(plan.Plans ?? []).flatMap(scannedWhole),
]
async function planOf({ statement, values }: ReturnType<typeof bind>): Promise<readonly string[]> {
  const text = typeof statement === 'string' ? statement : statement.text
  const { rows } = await sql.query(`explain (format json) ${qualified(text)}`, [...values])
  return scannedWhole(rows[0]['QUERY PLAN'][0].Plan)
}

const now = () => Date.now() * 1000
const valuesOf = (user: string, hoursAgo: number) => {
  const since = now() - hoursAgo * HOUR
  return {
    since,
    ...positionValues(undefined),
    limit: 201,
    ...personOf(user),
    oldest: firstIdAt(since - 30 * 24 * HOUR),
    oldestOffered: firstIdAt(since - 25 * HOUR),
  }
}

/** Ids begin with the letter of their role. */
function personOf(id: string): Person {
  const roles = { c: 'customer', d: 'driver', t: 'transporter' } as const
  return { role: roles[id[0] as keyof typeof roles] ?? 'customer', id }
}

describe('R7.3 a resume', () => {
  let request: string

  it('R7.3 has good plans while the planner has no statistics of the tables', async () => {
    await sql.query('analyze') // of empty tables
    await fill()
    request = (await sql.query('select id from instances limit 1')).rows[0].id
    for (const user of ['t1', 'c1', 'd1']) {
      expect([user, await planOf(bind(eventsOf, valuesOf(user, 1)))]).toEqual([user, []])
    }
  })

  it.each([
    ['t1', 0.05, 6 * (REQUESTS / TRANSPORTERS) * 3],
    ['c1', 0.05, 10 * (REQUESTS / 1_000)],
    ['d1', 0.05, 10 * (REQUESTS / 1_000)],
    ['t1', 20, 30 * (REQUESTS / TRANSPORTERS) * 3],
    ['nobody', 20, 10],
  ])('R7.3 of %s after %d h reads few rows: at most %d', async (user, hoursAgo, atMost) => {
    const store = createResumeStore(sql)
    for (const prepare of ['select 1', 'analyze']) {
      await sql.query(prepare)
      const { since } = valuesOf(user, hoursAgo)
      const query = {
        since,
        after: undefined,
        limit: 201,
        offersSince: since - 25 * HOUR,
      }
      const read = await rowsRead(() => store.eventsOf(personOf(user), query))
      expect(read).toBeLessThanOrEqual(atMost)
      expect(await planOf(bind(eventsOf, valuesOf(user, hoursAgo)))).toEqual([])
    }
  })

  it.each([
    ['t1', 6 * (REQUESTS / TRANSPORTERS) * 3 + 4 * (REQUESTS / 24)],
    ['c1', 15 * (REQUESTS / 1_000)],
    ['d1', 10 * (REQUESTS / 1_000)],
  ])('R7.3 of %s after an hour of late events reads few rows: at most %d', async (user, atMost) => {
    const store = createResumeStore(sql)
    const late =
      "update events set late_at = now() - interval '1 minute' where late_at is null and recorded_at > now() - "
    await sql.query(`${late} interval '1 hour'`)
    const since = now() - HOUR / 20
    const query = {
      since,
      after: undefined,
      limit: 201,
      offersSince: since - 25 * HOUR,
    }
    for (const prepare of ['select 1', 'analyze']) {
      await sql.query(prepare)
      expect(await rowsRead(() => store.eventsOf(personOf(user), query))).toBeLessThanOrEqual(atMost)
      expect(await planOf(bind(eventsOf, valuesOf(user, 0.05)))).toEqual([])
    }
  })

  it('R7.3 of watchers, its first page, its offers and the present state read few rows', async () => {
    const store = createResumeStore(sql)
    const mark = { kind: 'event', instance: request, version: 1, index: 0, at: undefined } as const
    const few = 50
    expect(await rowsRead(() => store.moment(mark, { role: 'transporter', id: 't1' }))).toBeLessThan(few)
    expect(
      await rowsRead(() =>
        store.moment({ kind: 'offer', broadcastId: request }, { role: 'transporter', id: 't1' }),
      ),
    ).toBeLessThan(few)
    const query = { since: now() - 48 * HOUR, after: undefined, limit: 201 }
    expect(await rowsRead(() => store.eventsIn(request, query))).toBeLessThan(few)
    expect(
      await planOf(bind(eventsIn, { ...query, ...positionValues(undefined), broadcastId: request })),
    ).toEqual([])
    expect(await rowsRead(() => store.liveOffers('t1', 200))).toBeLessThan(few)
    expect(await rowsRead(() => store.liveOf(personOf('c1'), 100))).toBeLessThan(4 * 200)
  })

  it('R7.3 a sweep reads only the rows that it deletes', async () => {
    await sql.query("update events set recorded_at = recorded_at - interval '1 hour'")
    expect(await planOf(bind(eventsSwept, { olderThanMs: DAY_MS, limit: 1_000 }))).not.toContain('events')
    expect(await rowsRead(() => createResumeStore(sql).sweep(DAY_MS, 1_000))).toBeLessThan(10_000)
  })
})
