import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import { MIGRATIONS_FOLDER, readMigrations } from '../../../src/adapters/postgres/schema/migration-files.js'
import { dumpProduct } from '../../../src/adapters/postgres/schema/schema-dump.js'
import { write } from '../../support/database/instance-write.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'
import { silentLog } from '../../support/engine/log.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'

const DAY_MS = 24 * 3_600_000
const LEASE_MS = 60_000

let database: TestDatabase
let sql: pg.Pool

async function use(made: Promise<TestDatabase>) {
  database = await made
  sql = new pg.Pool({ connectionString: database.connectionString, max: 2 })
}
beforeEach(() => use(createTestDatabase()))
afterEach(async () => {
  await sql.end()
  await database.drop()
})

const idAt = (msecs: number) => uuidv7({ msecs })
const madeUntil = async (): Promise<number> =>
  (await sql.query('select made_until from journal_months')).rows[0].made_until.getTime()
const partOf = async (id: string): Promise<string> =>
  (
    await sql.query(
      'select relname as part from loadcast.journal j join pg_class c on c.oid = j.tableoid where j.instance = $1',
      [id],
    )
  ).rows[0]?.part

/** As if nobody had made a part since the database was migrated. */
async function dropMonths(): Promise<number> {
  const { rows } = await sql.query<{ part: string }>(
    `select relid::text as part from pg_partition_tree('journal') where relid::text ~ '^journal_[0-9]' order by 1`,
  )
  const [, year, month] = (rows[0]?.part ?? '').split('_').map(Number)
  const firstAt = Date.UTC(year ?? 0, (month ?? 0) - 1)
  for (const { part } of rows) await sql.query(`drop table ${part}`)
  await sql.query('update journal_months set made_until = to_timestamp($1::float8 / 1000)', [firstAt])
  return firstAt
}

test('an instance has its journal in the partition of the month in which it was created', async () => {
  const store = createPostgresStore({ connectionString: database.connectionString })
  const end = await madeUntil()
  expect(end).toBeGreaterThan(Date.now() + 60 * DAY_MS)
  const last = new Date(end - DAY_MS)
  const [now, late, odd] = [uuidv7(), idAt(last.getTime()), 'ffffffff-ffff-4fff-bfff-ffffffffffff']
  const results = await store.commit([write(now, 1), write(late, 1), write(odd, 1)], LEASE_MS)
  expect(results.map(({ kind }) => kind)).toEqual(['moved', 'moved', 'moved'])
  await store.commit([write(late, 2)], LEASE_MS)
  expect(await store.history(late, 0, 10)).toHaveLength(2)
  await store.close()
  const name = `journal_${last.getUTCFullYear()}_${String(last.getUTCMonth() + 1).padStart(2, '0')}`
  expect(await Promise.all([now, late, odd].map(partOf))).toEqual(['journal_first', name, 'journal_other'])
})

test('a commit whose month is missing creates its partition, whatever commits beside it', async () => {
  const firstAt = await dropMonths()
  const stores = [1, 2, 3].map(() => createPostgresStore({ connectionString: database.connectionString }))
  const results = await Promise.all(
    stores.map(store => store.commit([write(uuidv7(), 1), write(idAt(firstAt + DAY_MS), 1)], LEASE_MS)),
  )
  expect(results.flat().map(({ kind }) => kind)).toEqual(Array.from({ length: 6 }, () => 'moved'))
  for (const store of stores) await store.close()
  expect(await madeUntil()).toBeGreaterThan(Date.now() + 60 * DAY_MS)
})

test('a process that starts creates the due partitions', async () => {
  await dropMonths()
  const store = createPostgresStore({ connectionString: database.connectionString })
  await store.announceProcess({ id: uuidv7(), versions: new Map([['door', 1]]) }, LEASE_MS)
  await until(async () => (await madeUntil()) > Date.now() + 60 * DAY_MS)
  await store.close()
})

test('a partition is created while others read and write the journal', async () => {
  await dropMonths()
  const other = new pg.Client(database.connectionString)
  await other.connect()
  await other.query('begin')
  const row = `insert into journal (instance, version, uid, event_json, status, actor_json, at)
    values ($1, 1, $1, '{}', 'open', '{}', now())`
  await other.query(row, [uuidv7()])
  await other.query('select from journal limit 1')
  // Behind a lock that these hold this would not return.
  await sql.query(`set lock_timeout = '5s'; select make_journal_months()`)
  await other.query(row, [uuidv7()])
  await other.query('commit')
  await other.end()
})

test('the history of an instance is read from one partition, with a plan that was made for any', async () => {
  await sql.query(`set plan_cache_mode = force_generic_plan;
    prepare history (uuid) as select version from journal j where j.instance = $1 and j.version > 0 order by version limit 10`)
  const { rows } = await sql.query(`explain (costs off) execute history ('${uuidv7()}')`)
  const plan = rows.map(row => row['QUERY PLAN']).join('\n')
  expect(plan).toMatch(/Subplans Removed: \d+/)
  expect(plan.match(/ on journal_/g)).toHaveLength(1)
})

test('a migrated database of the previous release has the schema of a fresh one, and its rows', async () => {
  const useEmpty = async () => {
    await sql.end()
    await database.drop()
    await use(createTestDatabase({ empty: true }))
  }
  await useEmpty()
  await migrate(database.connectionString, { log: silentLog })
  const fresh = await dumpProduct(sql)
  await useEmpty()
  const folder = await temporaryFolder('before-formats')
  for (const { name, sql: text } of await readMigrations(MIGRATIONS_FOLDER)) {
    if (name < '0016') await writeFile(join(folder, name), text)
  }
  await migrate(database.connectionString, { log: silentLog, folder })
  const id = uuidv7()
  await sql.query(
    `insert into instances values ($1, 'door', 1, 1, 'open', 'ann', '{"b":1,"a":2}', now(), now())`,
    [id],
  )
  await sql.query(
    `insert into journal values ($1, 1, $1, '{"type":"open"}', 'open', '{"id":"ann"}', now())`,
    [id],
  )
  await migrate(database.connectionString, { log: silentLog })
  expect(await dumpProduct(sql)).toBe(fresh)
  expect(await partOf(id)).toBe('journal_first')
  const store = createPostgresStore({ connectionString: database.connectionString })
  expect(await store.load([id])).toMatchObject([{ id, snapshot: { a: 2, b: 1 } }])
  expect(await store.history(id, 0, 10)).toMatchObject([{ event: { type: 'open' }, actor: { id: 'ann' } }])
  await store.close()
})
