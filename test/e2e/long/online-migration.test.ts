import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import { broadcastDefinition } from '../../../src/machines/index.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { usePublicOnly } from '../../support/database/search-path.js'
import { until } from '../../support/engine/engine.js'
import { recordingLog, silentLog } from '../../support/engine/log.js'
import {
  buildPreviousRelease,
  type PreviousRelease,
  previousReleaseForTests,
} from '../../support/processes/previous-release.js'
import { type Balancer, startBalancer } from '../../support/rolling/balancer.js'
import { startLoad } from '../../support/rolling/load.js'
import { asking } from '../../support/server/fleet.js'
import { findViolations } from '../../support/server/server.js'
import { castOf, registerFleet } from '../../support/storm/people.js'
import { type Processes, startProcesses } from '../../support/storm/processes.js'

/*
 * The storage is changed under processes of the previous release, with many requests in the database and under load; then the
 * processes are replaced one by one. No call fails, nothing that was acknowledged is lost, and the audit finds nothing.
 */

const size = { requests: 1_000_000, acceptsPerSecond: 50, customers: 20, calmMs: 10_000 }
/** The audit replays some hundred requests a second: the others are deleted before it. */
const AUDITED = 10_000
const PROCESSES = 2
const TIMEOUT_SECONDS = 4
const TRUCKS_PER_REQUEST = 12
const PATIENCE_MS = 60_000
/** Rows of one statement: more would fill the log faster than a checkpoint empties it. */
const CHUNK = 100_000

const { describeWithPreviousRelease } = await previousReleaseForTests()
let database: TestDatabase | undefined
let processes: Processes | undefined
let balancer: Balancer | undefined

afterAll(async () => {
  await balancer?.close()
  if (processes !== undefined) await processes.close()
  else await database?.drop()
})

/** A request that was cancelled, made by the previous release itself, so that its rows are real. */
async function makeSample({ createPostgresStore, createEngine }: PreviousRelease, connectionString: string) {
  const store = createPostgresStore({ connectionString })
  const engine = createEngine({ store, definitions: [broadcastDefinition as unknown as Definition] })
  const actor = { id: 'sample', role: 'customer' }
  const { pickup, drop, trucks } = asking(2)
  const input = {
    ...{ customerId: 'sample', kind: 'booking', pickup, drop, trucks, fingerprint: 'f'.repeat(64) },
    ...{ timeoutMs: 120_000, reachStepMs: 15_000, reachStepsKm: [10, 25, 50, 75], cancelWindowMs: 300_000 },
  }
  const created = await engine.create('broadcast', input, { actor })
  if (created.kind !== 'created') throw new Error('expected a request')
  await engine.send(created.instance.id, { type: 'cancel' }, { actor })
  await engine.close()
  await store.close()
  return created.instance.id
}

/** A year of requests like the sample. Their events have been swept, as after EVENT_RETENTION_HOURS. */
async function fill(sql: pg.Pool, sample: string, requests: number): Promise<void> {
  const time = `to_timestamp(${Date.now()} / 1000.0) - interval '365 days' * n / ${requests}`
  const idOf = `(lpad(to_hex((extract(epoch from ${time}) * 1000)::bigint), 12, '0')
    || '70008' || lpad(to_hex(n), 15, '0'))::uuid`
  for (let from = 1; from <= requests; from += CHUNK) {
    const numbers = `generate_series(${from}, ${Math.min(requests, from + CHUNK - 1)}) n`
    await sql.query(
      `insert into instances
       select ${idOf}, machine, definition_version, version, status, owner, snapshot, created_at, updated_at
       from instances, ${numbers} where id = $1`,
      [sample],
    )
    await sql.query(
      `insert into journal select ${idOf}, version, uid, event, status, actor, at from journal, ${numbers} where instance = $1`,
      [sample],
    )
  }
  await sql.query('insert into event_retention (swept_before) values (now())')
  await sql.query('analyze')
}

/** Asks each table for a row, one question after the other, and remembers the longest that one took. */
function startProbes(connectionString: string) {
  const longest = new Map<string, number>()
  let isOver = false
  const probes = ['instances', 'journal', 'events', 'timers', 'processes'].map(async table => {
    const client = new pg.Client(connectionString)
    await client.connect()
    while (!isOver) {
      const begunAt = performance.now()
      await client.query(`select from ${table} limit 1`)
      longest.set(table, Math.max(longest.get(table) ?? 0, performance.now() - begunAt))
      await delay(1)
    }
    await client.end()
  })
  return {
    async end() {
      isOver = true
      await Promise.all(probes)
      return Math.max(...longest.values())
    },
    forget: () => longest.clear(),
    worst: () => Math.max(...longest.values()),
  }
}

describeWithPreviousRelease('the storage of a database in use', () => {
  test('R9.4 is changed under processes of the previous release, which are then replaced; no call fails and nothing is lost', async () => {
    const previous = await buildPreviousRelease()
    const made = await createTestDatabase({ empty: true })
    database = made
    await usePublicOnly(made.connectionString)
    await previous.migrate(made.connectionString, { log: silentLog })
    const sql = new pg.Pool({ connectionString: made.connectionString, max: 1 })
    await fill(sql, await makeSample(previous, made.connectionString), size.requests)

    const settings = { BROADCAST_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS), DRAIN_SECONDS: '10' }
    const running = await startProcesses(PROCESSES, settings, { program: previous.program, database: made })
    processes = running
    const cast = castOf(size.customers, 8)
    await registerFleet(running, cast)
    const front = await startBalancer(() => running.urls)
    balancer = front
    const load = await startLoad({
      url: front.url,
      customers: cast.customers,
      owners: cast.transporters,
      query: running.query,
      acceptsPerSecond: size.acceptsPerSecond,
      timeoutMs: TIMEOUT_SECONDS * 1_000,
      trucksPerRequest: TRUCKS_PER_REQUEST,
    })
    await delay(size.calmMs)

    const probes = startProbes(made.connectionString)
    await delay(size.calmMs)
    const calmMs = probes.worst()
    probes.forget()
    const log = recordingLog()
    const tripsBefore = load.trips.size
    const begunAt = Date.now()
    await migrate(made.connectionString, { log })
    const migrationMs = Date.now() - begunAt
    const longestMs = await probes.end()
    await delay(size.calmMs)
    const codes: unknown[] = []
    for (let which = 0; which < PROCESSES; which++) codes.push(await running.replace(which))
    const formats = () => running.query<{ format: number }>('select format from loadcast.storage_format')
    await until(async () => (await formats())[0]?.format === 2, PATIENCE_MS)
    await delay(size.calmMs)
    await load.end()

    expect(codes).toEqual(Array(PROCESSES).fill(0))
    expect(load.failures).toEqual([])
    expect(load.trips.size - tripsBefore).toBeGreaterThan(size.acceptsPerSecond)
    const stored = await running.query<{ id: string }>('select id from trips')
    expect(stored.map(({ id }) => id).sort()).toEqual([...load.trips].sort())
    await until(async () => (await running.query('select from outbox')).length === 0, PATIENCE_MS)
    const seeking = "select from instances where status in ('searching', 'partially_filled')"
    await until(async () => (await running.query(seeking)).length === 0, PATIENCE_MS)
    const written = await running.query<{ both: boolean }>(
      `select bool_or(event is not null) and bool_or(event_json is not null) as both from journal
         where at > now() - interval '1 hour'`,
    )
    expect(written).toEqual([{ both: true }])
    expect(await running.query('select from dead_letters')).toEqual([])
    expect(running.faults()).toEqual([])
    const files = log.lines
      .filter(line => line.includes('applied in'))
      .map(line => line.replace(/^info: /, ''))
    process.stdout.write(
      `R9.4: ${size.requests} requests brought over in ${migrationMs} ms; the longest statement beside it took ` +
        `${longestMs.toFixed(1)} ms (before: ${calmMs.toFixed(1)} ms); ${load.trips.size} accepts, ` +
        `${load.toldToRetry} calls told to come back, 0 failed\n${files.join('\n')}\n`,
    )
    await sql.end()
    await running.query(
      `with gone as (
           delete from instances where owner = 'sample'
             and id < (select id from instances where owner = 'sample' order by id desc offset ${AUDITED} limit 1)
           returning id
         )
         delete from journal using gone where journal.instance = gone.id`,
    )
    expect(await findViolations(made.connectionString)).toEqual([])
  }, 3_600_000)
})
