/* The statements that a busy engine sends, planned on empty tables and run on full ones: none reads a table through. */
import { beforeAll, describe, expect, it } from '@jest/globals'
import { uuidAt } from '../../../bench/uuid.js'
import { createCommitPool } from '../../../src/adapters/postgres/connection/commit-pool.js'
import { readThrough, recordStatements } from '../../support/database/plans.js'
import { useDatabase } from '../../support/database/use-database.js'
import { openEngine, recordingSubscriber, until } from '../../support/engine/engine.js'
import { actor, callerOf, newDoor, newDoors } from '../../support/machines/doors.js'

const INSTANCES = process.env.LOADCAST_LONG_TESTS !== undefined ? 100_000 : 20_000
/** Far more than one round of work reads by its keys, far less than the tables hold. */
const FEW = 2_000
/**
 * Inserted at once. The engine goes on meanwhile, and who asks for the next due timer steps over all that an open
 * transaction has put before it: a commit of the engine's writes hundreds, not twenty thousand.
 */
const CHUNK = 500
const TABLES = ['instances', 'journal', 'events', 'outbox', 'timers', 'claims', 'idempotency_keys']

const { connectionString, sql } = await useDatabase({ connections: 1 })
let statements: string[]

beforeAll(async () => {
  // Statistics that come in the middle of a test, at a moment of autovacuum's choice, would make it another test.
  const { rows } = await sql.query<{ part: string }>(
    `select part.relid::regclass as part from unnest($1::text[]) as name, pg_partition_tree(name::regclass) as part
     where part.isleaf`,
    [TABLES],
  )
  for (const { part } of rows) await sql.query(`alter table ${part} set (autovacuum_enabled = false)`)
})

/** Rows like those of the engine, in the middle of their lives: open doors, with timers, claims and an undelivered event. */
async function fill(doors: number): Promise<void> {
  await sql.query(`
    create temporary table filler as select ${uuidAt('clock_timestamp()')} as id, n from generate_series(1, ${doors}) n`)
  for (let from = 1; from <= doors; from += CHUNK)
    await fillChunk(`f.n between ${from} and ${from + CHUNK - 1}`)
}

async function fillChunk(chunk: string): Promise<void> {
  for (const statement of [
    `insert into instances (id, machine, definition_version, version, status, owner, snapshot_json, created_at, updated_at)
       select f.id, 'door', 1, 2, 'open', 'o' || f.n % 1000, i.snapshot_json, now(), now()
       from filler f, (select snapshot_json from instances limit 1) i where ${chunk}`,
    `insert into journal (instance, version, uid, event_json, status, actor_json, at)
       select f.id, v, gen_random_uuid(), '{"type":"open"}', 'open', '{"id":"x","role":"y"}', now()
       from filler f, generate_series(1, 2) v where ${chunk}`,
    `insert into events (instance, version, index, type, payload_json, audience, at)
       select id, 2, 0, 'door.opened', '{}', '{ann}', now() from filler f where ${chunk}`,
    `insert into outbox (instance, version, index, subscriber, due_at)
       select id, 2, 0, 'recorder', now() + interval '1 hour' from filler f where ${chunk}`,
    `insert into timers (instance, send_id, machine, generation, event_json, due_at)
       select id, 'xstate.after.closing.door.open', 'door', 2, '{"type":"x"}', now() + interval '1 hour' * (1 + n % 7)
       from filler f where ${chunk}`,
    `insert into claims select 'filler ' || n, id from filler f where ${chunk}`,
    `insert into idempotency_keys (scope, key, fingerprint, instance, version, uid)
       select 'filler', 'k' || n, 'f', id, 1, gen_random_uuid() from filler f where ${chunk}`,
  ]) {
    await sql.query(statement)
  }
}

/** Rows that were read, by whatever kind of scan, since the counters were last looked at. */
async function rowsRead(): Promise<Record<string, number>> {
  const { rows } = await sql.query(
    `select p.name, sum(coalesce(t.seq_tup_read, 0) + coalesce((select sum(i.idx_tup_read) from pg_stat_user_indexes i
                                                               where i.relid = t.relid), 0)) as n
     from unnest($1::text[]) as p(name)
     join pg_stat_user_tables t on t.relname = p.name or p.name = 'journal' and t.relname like 'journal\\_%'
     group by p.name`,
    [TABLES],
  )
  return Object.fromEntries(rows.map(row => [row.name, Number(row.n)]))
}

/** A round of all that an engine does. */
async function work({ engine, store }: ReturnType<typeof openEngine>): Promise<void> {
  const door = callerOf(engine)
  const ids = await newDoors(engine, 10)
  const brief = await newDoor(engine, 1)
  await door.open(brief)
  await Promise.all(ids.map(id => door.open(id)))
  await Promise.all(ids.map((id, i) => door.take(id, `${id} ${i}`)))
  await Promise.all(ids.map(id => door.open(id))) // refused, after a read
  await Promise.all(ids.map(id => engine.history(id)))
  const keyed = (id: string) => ({ actor, key: { scope: 'filler', key: id, fingerprint: 'f' } })
  await Promise.all(ids.map(id => engine.send(id, { type: 'close' }, keyed(id))))
  const delivery = { instance: brief, version: 9, index: 0, subscriber: 'nobody' }
  await store.retryDelivery(delivery, 1, 1)
  await store.markLate([delivery])
  await store.buryDelivery(delivery, 1, 'never was')
  // A sweep that finds something due.
  await sql.query("insert into outbox select $1, 9, 0, 'nobody', 0, now()", [brief])
  await store.leaseDeliveries(['nobody'], [{ machine: 'door', version: 1 }], 10, 1_000)
  await store.settleDeliveries([delivery])
  await store.spendTimer(
    { instance: brief, sendId: 'never was', generation: 9 },
    { version: 1, updatedAt: 0 },
  )
  await engine.ring(brief)
  await until(async () => (await engine.get(brief))?.status === 'closed')
}

describe('statements planned while the tables were empty', () => {
  it('read few rows when there are many', async () => {
    const recorded = recordStatements()
    const opened = openEngine(connectionString, { subscribers: [recordingSubscriber()] })
    try {
      await opened.engine.start()
      // More often than the five times after which Postgres may keep a plan for good.
      for (let round = 0; round < 8; round++) await work(opened)
      await fill(INSTANCES)
      // The engine's connections report what they have read when they end.
      const between = openEngine(connectionString)
      await between.close()
      const before = await rowsRead()
      for (let round = 0; round < 3; round++) await work(opened)
      await opened.close()
      await until(async () => (await rowsRead()).journal !== before.journal)
      const after = await rowsRead()
      for (const table of TABLES) {
        const read = (after[table] ?? 0) - (before[table] ?? 0)
        expect([table, read < FEW ? 'few' : read]).toEqual([table, 'few'])
      }
    } finally {
      recorded.stop()
      statements = [...recorded.statements.values()]
    }
    expect([...recorded.statements.keys()].sort()).toEqual(
      expect.arrayContaining([
        'bury_delivery',
        'commit',
        'lease_deliveries',
        'lease_timers',
        'load_history',
        'load_instances',
        'mark_late',
        'retry_delivery',
        'settle_deliveries',
        'spend_timer',
      ]),
    )
  })
})

describe('the plan of each statement', () => {
  it.each([
    ['without statistics', 'select 1', 'enable_nestloop=on'],
    ['with statistics', 'analyze', 'enable_nestloop=on'],
    ['when it takes the tables for small and joins them by hash', 'select 1', 'enable_nestloop=off'],
  ])('reads no whole table and no whole index, %s', async (_when, prepare, setting) => {
    await sql.query(prepare)
    const pool = createCommitPool(connectionString)
    try {
      const client = await pool.connect()
      await client.query(`set ${setting}`)
      for (const text of statements) expect([text, await readThrough(client, text)]).toEqual([text, []])
      client.release()
    } finally {
      await pool.end()
    }
  })
})
