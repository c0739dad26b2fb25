import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import pg from 'pg'
import { createAuditStore } from '../../../src/adapters/postgres/engine/audit-store.js'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import type { Engine } from '../../../src/runtime/api.js'
import { audit } from '../../../src/runtime/audit.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { createEngine } from '../../../src/runtime/engine.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { usePublicOnly } from '../../support/database/search-path.js'
import { silentLog } from '../../support/engine/log.js'
import { refundDefinition } from '../../support/machines/refund.js'
import {
  buildPreviousRelease,
  type PreviousRelease,
  previousReleaseForTests,
} from '../../support/processes/previous-release.js'

const actor = { id: 'ann', role: 'customer' }
const definitions = [refundDefinition as unknown as Definition]
const { describeWithPreviousRelease } = await previousReleaseForTests()

let database: TestDatabase
let sql: pg.Pool
const opened: { close(): Promise<void> }[] = []

beforeEach(async () => {
  database = await createTestDatabase({ empty: true })
  sql = new pg.Pool({ connectionString: database.connectionString, max: 1 })
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
  await sql.end()
  await database.drop()
})

type Release = Pick<PreviousRelease, 'createPostgresStore' | 'createEngine'>
const current: Release = { createPostgresStore, createEngine }

/** A process of a release, without timers and sweeps. */
async function start(release: Release) {
  const store = release.createPostgresStore({ connectionString: database.connectionString })
  const engine = release.createEngine({ store, definitions })
  const process = {
    engine,
    store,
    async close() {
      if (opened.includes(process)) opened.splice(opened.indexOf(process), 1)
      await engine.close()
      await store.close()
    },
  }
  opened.push(process)
  await engine.start({ timers: false, sweeps: false })
  return process
}

async function create(engine: Engine, bids: Record<string, number>): Promise<string> {
  const created = await engine.create('refund', { bids }, { actor })
  if (created.kind !== 'created') throw new Error('expected an instance')
  return created.instance.id
}

/** An event whose outcome does not depend on the order of keys, which format 1 loses. */
const award = async (engine: Engine, id: string) => (await engine.send(id, { type: 'award' }, { actor })).kind

const formatsOf = async (id: string) => {
  const { rows } = await sql.query(
    `select case when i.snapshot_json is null then 1 else 2 end as instance,
       array(select case when j.event_json is null then 1 else 2 end from journal j
             where j.instance = i.id order by j.version) as journal,
       array(select case when e.payload_json is null then 1 else 2 end from events e
             where e.instance = i.id order by e.version, e.index) as events
     from instances i where id = $1`,
    [id],
  )
  return rows[0]
}

async function violations(): Promise<string[]> {
  const found: string[] = []
  for await (const { message } of audit(createAuditStore(sql), definitions)) found.push(message)
  return found
}

test('the first process of a fresh database writes the newest format', async () => {
  await migrate(database.connectionString, { log: silentLog })
  const { engine } = await start(current)
  const id = await create(engine, { zoe: 5 })
  expect(await formatsOf(id)).toEqual({ instance: 2, journal: [2], events: [] })
})

test('a database with a living process that announces no format stays in format 1 until that process has ended', async () => {
  await migrate(database.connectionString, { log: silentLog })
  await sql.query('update storage_format set format = 1')
  const announced = `insert into processes (id, machine, version, alive_until)
    values (gen_random_uuid(), 'another machine', 1, now() + interval '1 hour')`
  await sql.query(announced)
  const first = await start(current)
  const id = await create(first.engine, { zoe: 5 })
  expect(await award(first.engine, id)).toBe('applied')
  expect(await formatsOf(id)).toEqual({ instance: 1, journal: [1, 1], events: [1] })

  await sql.query(
    "update processes set alive_until = now() - interval '1 s' where machine = 'another machine'",
  )
  const second = await start(current)
  expect(await award(second.engine, id)).toBe('applied')
  expect(await formatsOf(id)).toMatchObject({ instance: 2, journal: [1, 1, 2], events: [1, 2] })
  // The first has not heard of it yet, and writes what the second reads.
  expect(await award(first.engine, id)).toBe('applied')
  expect(await formatsOf(id)).toMatchObject({ instance: 1, journal: [1, 1, 2, 1] })
  expect(await award(second.engine, id)).toBe('applied')
  expect(await violations()).toEqual([])
  await expect(sql.query(announced)).rejects.toThrow(
    'this database is written in storage format 2; this release reads format 1 at most and cannot take part',
  )
})

test('timers are armed and replaced in the format that is settled', async () => {
  await migrate(database.connectionString, { log: silentLog })
  await sql.query('update storage_format set format = 1')
  const [old, fresh] = [1, 2].map(() => createPostgresStore({ connectionString: database.connectionString }))
  if (old === undefined || fresh === undefined) throw new Error('expected two stores')
  opened.push(old, fresh)
  const { engine } = await start(current)
  const id = await create(engine, {})
  const timer = { instance: id, machine: 'refund', generation: 1, dueAt: Date.now() - 1_000 }
  await sql.query('update storage_format set format = 1')
  await old.armTimers(id, 1, [{ ...timer, sendId: 'a', event: { type: 'b', a: 1 } }])
  await sql.query('update storage_format set format = 2')
  await fresh.armTimers(id, 1, [{ ...timer, sendId: 'b', event: { type: 'b', a: 1 } }])
  const { rows } = await sql.query(
    'select send_id, event is null as json, event_json is null as jsonb from timers order by 1',
  )
  expect(rows).toEqual([
    { send_id: 'a', json: false, jsonb: true },
    { send_id: 'b', json: true, jsonb: false },
  ])
  expect((await fresh.dueTimers(id)).map(({ event }) => event)).toEqual([
    { type: 'b', a: 1 },
    { type: 'b', a: 1 },
  ])
})

test('a row of the newest format is not overwritten by a release that does not know it', async () => {
  await migrate(database.connectionString, { log: silentLog })
  const { engine } = await start(current)
  const id = await create(engine, {})
  await expect(sql.query(`update instances set snapshot = '{}' where id = $1`, [id])).rejects.toThrow(
    'instances_one_snapshot',
  )
})

describeWithPreviousRelease('processes of the previous release', () => {
  let previous: PreviousRelease
  beforeAll(async () => {
    previous = await buildPreviousRelease()
  })
  afterAll(async () => {
    for (const one of opened.splice(0)) await one.close()
  })

  test('continue while the database is migrated and processes of this release start; then they are replaced', async () => {
    await usePublicOnly(database.connectionString)
    await previous.migrate(database.connectionString, { log: silentLog })
    const old = await start(previous)
    const id = await create(old.engine, { zoe: 5 })
    let isMigrating = true
    const kinds = new Set<string>()
    const working = (async () => {
      do kinds.add(await award(old.engine, id))
      while (isMigrating)
    })()
    await migrate(database.connectionString, { log: silentLog })
    isMigrating = false
    await working
    expect([...kinds]).toEqual(['applied'])

    const fresh = await start(current)
    for (const { engine } of [fresh, old, fresh, old]) expect(await award(engine, id)).toBe('applied')
    expect(await formatsOf(id)).toMatchObject({ instance: 1 })
    const restarted = await start(previous)
    expect(await award(restarted.engine, id)).toBe('applied')
    await restarted.close()
    await old.close()

    const next = await start(current)
    expect(await award(next.engine, id)).toBe('applied')
    expect(await formatsOf(id)).toMatchObject({ instance: 2 })
    expect(await award(fresh.engine, id)).toBe('applied')
    expect(await violations()).toEqual([])
    // As unavailability, so that a process of it which was paused until now answers 503. Its log has the reason.
    await expect(start(previous)).rejects.toMatchObject({
      name: 'StoreUnavailableError',
      cause: { message: expect.stringContaining('this release reads format 1 at most and cannot take part') },
    })
  })
})
