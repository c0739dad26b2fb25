/*
 * Two processes whose every connection goes through PgBouncer in session mode: migration, requests, accepts, cancels,
 * timers, and wake-ups from one process to the other.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { createWakeups } from '../../src/adapters/postgres/engine/wakeups.js'
import { describeWithPgbouncer, type Pgbouncer, startPgbouncer } from '../support/database/pgbouncer.js'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { until } from '../support/engine/engine.js'
import { createClient, listen } from '../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../support/server/fleet.js'
import { findViolations, processEnvironment } from '../support/server/server.js'
import { runServerToEnd, type ServerProcess, startServerProcess } from '../support/server/server-process.js'

/** Requests of the first process outlive the slowest accept and cancel; those of the other expire in the test. */
const HOME_TIMEOUT_SECONDS = 600
const OTHER_TIMEOUT_SECONDS = 2
/** The database settings from docs/OPERATIONS.md, since PgBouncer drops the settings of connections. */
const SETTINGS = [
  "enable_seqscan = 'off'",
  "jit = 'off'",
  "lock_timeout = '250ms'",
  "idle_in_transaction_session_timeout = '3s'",
  "statement_timeout = '5s'",
]
const HINT = /Settings of our connections do not reach the database/

const describeOrSkip = await describeWithPgbouncer()

describeOrSkip('R13.5 through PgBouncer in session mode', () => {
  let database: TestDatabase
  let pooler: Pgbouncer
  let sql: pg.Pool
  let home: ServerProcess
  let other: ServerProcess

  const start = (timeoutSeconds: number) =>
    startServerProcess({
      ...processEnvironment,
      DATABASE_URL: pooler.connectionString,
      BROADCAST_TIMEOUT_SECONDS: String(timeoutSeconds),
    })

  beforeAll(async () => {
    database = await createTestDatabase({ empty: true })
    sql = new pg.Pool({ connectionString: database.connectionString, max: 2 })
    const name = new URL(database.connectionString).pathname.slice(1)
    for (const setting of SETTINGS) await sql.query(`alter database ${name} set ${setting}`)
    pooler = await startPgbouncer(database.connectionString)
    // The first process migrates, through the pooler as well.
    home = await start(HOME_TIMEOUT_SECONDS)
    other = await start(OTHER_TIMEOUT_SECONDS)
  })

  afterAll(async () => {
    const codes = await Promise.all([home?.end('SIGTERM'), other?.end('SIGTERM')])
    await pooler?.stop()
    await sql?.end()
    await database?.drop()
    expect(codes).toEqual([0, 0])
  })

  test('R13.5 a request is offered, accepted on another process, and cancelled', async () => {
    const truck = await registerTruck(home.url, 'near', { isReady: true })
    const captain = await listen(home.url, truck.transporter.token)
    const customer = await createClient(home.url, 'customer', 'pooled')
    const created = await customer.post('/api/v1/broadcasts', asking(2))
    expect(created.status).toBe(201)
    await captain.next('new_broadcast', event => event.broadcastId === created.body.id)
    captain.close()
    const elsewhere = await createClient(other.url, 'transporter', truck.transporter.id)
    const path = `/api/v1/broadcast/${created.body.id}/accept`
    expect(await elsewhere.post(path, acceptBody(truck))).toMatchObject({
      status: 200,
      body: { outcome: 'applied', assignment: { trucksConfirmed: 1 } },
    })
    const cancelled = await customer.put(`/api/v1/booking/${created.body.id}/cancel`, {})
    expect(cancelled).toMatchObject({ status: 200, body: { tripsCancelled: [expect.any(String)] } })
    expect((await elsewhere.post(path, acceptBody(truck))).body.code).toBe('BROADCAST_CANCELLED')
  })

  test('R13.5 many requests at once share its connections, and each deadline fires', async () => {
    const customers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => createClient(other.url, 'customer', `many-${n}`)),
    )
    const created = await Promise.all(
      customers.map(customer => customer.post('/api/v1/broadcasts', asking(1, 'nobody_has_this'))),
    )
    expect(created.map(({ status }) => status)).toEqual(created.map(() => 201))
    const ids = created.map(({ body }) => body.id)
    const expired = "select from instances where id = any($1::uuid[]) and status = 'expired'"
    await until(async () => (await sql.query(expired, [ids])).rowCount === ids.length)
  })

  test('R13.5 a wake-up of one process reaches another', async () => {
    const lines: string[] = []
    const log = { warn: (_fields: object | string, text = String(_fields)) => lines.push(text), debug() {} }
    const heard: number[] = []
    const listener = createWakeups({ connectionString: pooler.connectionString, log: log as never })
    const announcer = createWakeups({ connectionString: pooler.connectionString, log: log as never })
    await listener.listen(dueAt => heard.push(dueAt))
    announcer.announce(5_000)
    await until(() => heard.includes(5_000))
    await Promise.all([listener.close(), announcer.close()])
    expect(lines).toEqual([])
  })

  test('R13.5 no process logged a warning, and every invariant holds', async () => {
    for (const { output } of [home, other]) {
      expect(
        output()
          .split('\n')
          .filter(line => /"level":[456]0/.test(line)),
      ).toEqual([])
    }
    await until(async () => (await sql.query('select from outbox')).rowCount === 0)
    expect(await findViolations(pooler.connectionString)).toEqual([])
  })
})

describeOrSkip('R13.5 a start through a PgBouncer', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await createTestDatabase()
  })
  afterAll(() => database.drop())

  test('R13.5 that refuses the settings of connections ends the start with the setting to change', async () => {
    const pooler = await startPgbouncer(database.connectionString, {
      config: ['ignore_startup_parameters ='],
    })
    const env = { ...processEnvironment, DATABASE_URL: pooler.connectionString }
    const { code, output } = await runServerToEnd(env)
    expect(code).toBe(1)
    expect(output).toContain('ignore_startup_parameters = options')
    expect(output).not.toContain('    at ')
    // As for RDS Proxy, which always refuses settings, so none are requested.
    const server = await startServerProcess({ ...env, DATABASE_URL: `${pooler.connectionString}&options=` })
    expect(await server.end('SIGTERM')).toBe(0)
    expect(server.output()).toMatch(HINT)
    await pooler.stop()
  })

  test('R13.5 that drops the settings of connections causes a warning, with the statements that restore them', async () => {
    const pooler = await startPgbouncer(database.connectionString)
    const server = await startServerProcess({
      ...processEnvironment,
      DATABASE_URL: pooler.connectionString,
    })
    expect(await server.end('SIGTERM')).toBe(0)
    await pooler.stop()
    expect(server.output()).toMatch(HINT)
    // The tests' server has jit off for everyone.
    for (const setting of ["statement_timeout = '5000'", "lock_timeout = '250'", "enable_seqscan = 'off'"]) {
      expect(server.output()).toContain(`set ${setting}`)
    }
  })
})
