import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/index.js'
import { NO_FSYNC } from '../support/database/no-fsync.js'
import { testBinaries } from '../support/database/postgres-binaries.js'
import { type DatabaseProxy, proxyDatabase } from '../support/database/server-proxy.js'
import { until } from '../support/engine/engine.js'
import { silentLog } from '../support/engine/log.js'
import { startFlood } from '../support/processes/flood-process.js'
import { temporaryFolder } from '../support/processes/temporary-folder.js'
import { type Load, startLoad } from '../support/rolling/load.js'
import { call } from '../support/server/clients.js'
import { findViolations, processEnvironment } from '../support/server/server.js'
import { type ServerProcess, startServerProcess } from '../support/server/server-process.js'
import { tokenFor } from '../support/server/tokens.js'
import { castOf } from '../support/storm/people.js'

/*
 * The database of a process fails in many ways under load, one after the other. Callers are asked to retry: no call
 * hangs, and none gets a 500. Then the process recovers by itself. At the end the database has each acknowledged trip
 * once, and no other.
 */

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const size = isLong
  ? { acceptsPerSecond: 60, customers: 12, flood: 500 }
  : { acceptsPerSecond: 8, customers: 4, flood: 150 }
/**
 * The heap that the process may have, in megabytes: at rest it takes some 60, compiler included. Beyond it ends, so a
 * queue without an end would end it.
 */
const HEAP_MB = 192
/** A statement is cut off after 5 s, resent for 8, and callers are sent away after 15. */
const PATIENCE_MS = 60_000
const TIMEOUT_SECONDS = 4

let dataDir: string
let postgres: EmbeddedPostgres
let proxy: DatabaseProxy
let server: ServerProcess
let load: Load
let sql: pg.Pool

const startPostgres = async () =>
  startEmbeddedPostgres({ dataDir, log: silentLog, settings: NO_FSYNC, binaries: await testBinaries() })
const health = async () => (await call(server.url, 'GET', '/health')).status
const connectSql = () => {
  const pool = new pg.Pool({ connectionString: postgres.connectionString, max: 2 })
  pool.on('error', () => {})
  return pool
}

beforeAll(async () => {
  dataDir = await temporaryFolder('faults')
  postgres = await startPostgres()
  proxy = await proxyDatabase(postgres.connectionString)
  server = await startServerProcess({
    ...processEnvironment,
    DATABASE_URL: proxy.connectionString,
    BROADCAST_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS),
    // A filled request keeps a timer until its customer may no longer cancel.
    CANCEL_WINDOW_SECONDS: String(TIMEOUT_SECONDS),
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
  })
  sql = connectSql()
  const cast = castOf(size.customers, 4)
  load = await startLoad({
    url: server.url,
    customers: cast.customers,
    owners: cast.transporters,
    query: (text, values) => sql.query(text, values),
    acceptsPerSecond: size.acceptsPerSecond,
    timeoutMs: TIMEOUT_SECONDS * 1_000,
    trucksPerRequest: 20,
  })
})

afterAll(async () => {
  await server.end('SIGKILL')
  await sql.end()
  await proxy.cut()
  await postgres.stop()
})

const goesOn = async () => {
  const before = load.trips.size
  await until(() => load.trips.size > before + size.acceptsPerSecond, PATIENCE_MS)
}
/** Nobody mends anything: it finds back by itself. */
const recovers = async () => {
  await until(async () => (await health()) === 200, PATIENCE_MS)
  await goesOn()
}
const callersAreSentAway = async () => {
  const before = load.toldToRetry
  await until(() => load.toldToRetry >= before + 5, PATIENCE_MS)
}

describe('R9.4 a process continues when Postgres', () => {
  test('R9.4 is slow', async () => {
    await goesOn()
    proxy.slow(150)
    await goesOn()
    proxy.slow(0)
    await recovers()
  })

  test('R9.4 stops answering without an error', async () => {
    proxy.stall()
    await callersAreSentAway()
    await until(async () => (await health()) === 503, PATIENCE_MS)
    proxy.flow()
    await recovers()
  })

  test('R9.4 has all connections of the pool busy', async () => {
    const locker = await sql.connect()
    await locker.query('begin')
    await locker.query('lock table users, drivers, vehicles in access exclusive mode')
    await callersAreSentAway()
    await locker.query('rollback')
    locker.release()
    await recovers()
  })

  test('R9.4 cancels every commit by its statement timeout', async () => {
    await sql.query(
      'create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$',
    )
    await sql.query('create trigger slow before insert on journal for each row execute function slow()')
    await callersAreSentAway()
    await sql.query(
      'create or replace function slow() returns trigger language plpgsql as $$ begin return new; end $$',
    )
    await recovers()
  })

  test('R9.4 is restarted under far more calls than it can serve', async () => {
    await sql.end()
    await postgres.stop()
    const flood = startFlood(server.url, await tokenFor('customer', 'flood'), size.flood)
    await callersAreSentAway()
    expect(await health()).toBe(503)
    await until(() => (flood.latest().answers[503] ?? 0) > size.flood * 5, PATIENCE_MS)
    postgres = await startPostgres()
    sql = connectSql()
    await recovers()
    const { answers, withoutWord } = await flood.end()
    expect(Object.keys(answers).filter(status => !['200', '404', '503'].includes(status))).toEqual([])
    expect(withoutWord).toBe(0)
  })

  test('R9.4 and has lost nothing that it acknowledged, and done nothing twice', async () => {
    await load.end()
    expect(load.failures).toEqual([])
    const { rows } = await sql.query('select id, status from trips')
    expect(rows.map(({ id }) => id).sort()).toEqual([...load.trips].sort())
    expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(['assigned', 'completed']))
    await until(async () => (await sql.query('select from outbox')).rowCount === 0, PATIENCE_MS)
    await until(async () => (await sql.query('select from timers')).rowCount === 0, PATIENCE_MS)
    expect(await findViolations(postgres.connectionString)).toEqual([])
    const peak = /VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${server.pid}/status`, 'utf8').catch(() => ''))
    process.stdout.write(
      `R9.4: ${load.trips.size} trips through five faults, ${load.toldToRetry} calls told to come back, ` +
        `${load.cutOff} unanswered; at most ${Math.round(Number(peak?.[1] ?? 0) / 1024)} MB in memory\n`,
    )
    expect(await server.end('SIGTERM')).toBe(0)
  })
})
