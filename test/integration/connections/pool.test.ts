import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import type { BoundedPool } from '../../../src/adapters/postgres/connection/bounded-pool.js'
import { createDatabase, type Database } from '../../../src/adapters/postgres/connection/database.js'
import { createWakeups } from '../../../src/adapters/postgres/engine/wakeups.js'
import { StoreUnavailableError } from '../../../src/runtime/errors.js'
import { createTestDatabase, SERVER_VARIABLE, type TestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'

let home: TestDatabase
let name: string
/** On another database of the server, which is not made read-only. */
let admin: pg.Pool
const opened: { end(): Promise<void> }[] = []

beforeAll(async () => {
  home = await createTestDatabase()
  name = new URL(home.connectionString).pathname.slice(1)
  admin = new pg.Pool({ connectionString: process.env[SERVER_VARIABLE], max: 1 })
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map(one => one.end()))
  await admin.query(`alter database ${name} reset default_transaction_read_only`)
})
afterAll(async () => {
  await admin.end()
  await home.drop()
})

function open(database: Database, options: Parameters<Database['openPool']>[0] = { max: 2 }): BoundedPool {
  const pool = database.openPool(options)
  opened.push(pool)
  return pool
}

/** New sessions are read-only, like those of a standby. */
const makeReadOnly = () => admin.query(`alter database ${name} set default_transaction_read_only = on`)

const pidOf = async (pool: pg.Pool): Promise<number> =>
  (await pool.query('select pg_backend_pid() as pid')).rows[0].pid

const sessionsOf = async (application: string): Promise<number> =>
  (
    await admin.query(
      'select count(*)::int as n from pg_stat_activity where datname = $1 and application_name = $2',
      [name, application],
    )
  ).rows[0].n

describe('a connection', () => {
  test('to a read-only server is closed and reported as unavailable', async () => {
    await makeReadOnly()
    const database = createDatabase(home.connectionString)
    const pool = open(database, { max: 2, application_name: 'refused' })
    const error = await pool.query('select 1').catch(e => e)
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error.cause).toMatchObject({ code: '25006', message: expect.stringMatching('refuses writes') })
    await expect(database.connect({ application_name: 'refused' })).rejects.toMatchObject({ code: '25006' })
    await until(async () => (await sessionsOf('refused')) === 0)
    expect(database.recentFailures()).toEqual({ '25006': 2 })
  })

  test('for reading may use a read-only server', async () => {
    await makeReadOnly()
    const pool = open(createDatabase(home.connectionString), { max: 1, mayBeReadOnly: true })
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('is replaced when a write is refused as read-only, and so are all others to that server', async () => {
    const database = createDatabase(home.connectionString)
    const [writes, reads] = [open(database, { max: 1 }), open(database, { max: 1 })]
    const before = [await pidOf(writes), await pidOf(reads)]
    const demoted = await writes.connect()
    await demoted.query('set default_transaction_read_only = on')
    demoted.release()
    expect(await pidOf(writes)).toBe(before[0])
    await expect(writes.query('create table refused ()')).rejects.toMatchObject({ cause: { code: '25006' } })
    await writes.query('create table taken ()')
    await writes.query('drop table taken')
    expect(await pidOf(writes)).not.toBe(before[0])
    expect(await pidOf(reads)).not.toBe(before[1])
  })

  test('that is in use at that time is replaced when it is released', async () => {
    const database = createDatabase(home.connectionString)
    const [writes, reads] = [open(database, { max: 1 }), open(database, { max: 1 })]
    const busy = await reads.connect()
    const { rows } = await busy.query('select pg_backend_pid() as pid')
    const demoted = await writes.connect()
    await demoted.query('set default_transaction_read_only = on')
    demoted.release()
    await expect(writes.query('create table refused ()')).rejects.toThrow(StoreUnavailableError)
    expect((await busy.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    busy.release()
    expect(await pidOf(reads)).not.toBe(rows[0].pid)
  })

  test('has a bounded lifetime, however busy it is, and nothing fails at its end', async () => {
    const pool = open(createDatabase(home.connectionString), { max: 1, lifetimeMs: 200 })
    const pids = new Set<number>()
    await until(async () => pids.add(await pidOf(pool)).size >= 3)
  })

  test('is checked once, when it is made, and never again', async () => {
    const pool = open(createDatabase(home.connectionString), { max: 1 })
    const client = await pool.connect()
    const sent: unknown[] = []
    const send = client.connection.query.bind(client.connection)
    client.connection.query = text => {
      sent.push(text)
      send(text)
    }
    client.release()
    await pool.query('select 1')
    await pool.query('select 2')
    expect(sent).toEqual(['select 1', 'select 2'])
  })

  test('to a silent server times out and is closed', async () => {
    const ends: Promise<unknown>[] = []
    const silent = createServer(socket => {
      socket.on('error', () => {})
      socket.resume()
      ends.push(new Promise(resolve => socket.on('close', resolve)))
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => silent.once('listening', resolve))
    const url = new URL(home.connectionString)
    url.port = String((silent.address() as { port: number }).port)
    const database = createDatabase(url.href)
    const timeouts = { connectionTimeoutMillis: 100 }
    await expect(database.connect(timeouts)).rejects.toThrow()
    await expect(open(database, { max: 1, ...timeouts }).query('select 1')).rejects.toThrow(
      StoreUnavailableError,
    )
    await Promise.all(ends)
    silent.close()
  })
})

describe('a listener for wake-ups', () => {
  test('leaves no connection behind while LISTEN is refused, and works once it is allowed', async () => {
    await makeReadOnly()
    const warnings: string[] = []
    const wakeups = createWakeups({
      connectionString: home.connectionString,
      log: { warn: (_: unknown, text: string) => warnings.push(text), debug() {} } as never,
    })
    opened.push({ end: () => wakeups.close() })
    const heard: number[] = []
    await wakeups.listen(dueAt => heard.push(dueAt))
    expect(warnings).toEqual([expect.stringMatching('LISTEN receives no notifications')])
    await until(async () => (await sessionsOf('loadcast wakeups')) === 0)
    await admin.query(`alter database ${name} reset default_transaction_read_only`)
    await until(() => {
      wakeups.announce(5_000)
      return heard.includes(5_000)
    })
    expect(warnings).toHaveLength(1)
    expect(await sessionsOf('loadcast wakeups')).toBeLessThanOrEqual(2)
  })

  test('ends each connection on which LISTEN fails, before it opens the next', async () => {
    const real = createDatabase(home.connectionString)
    const application_name = 'cannot listen'
    let attempts = 0
    const mostAtOnce: number[] = []
    const database: Database = {
      ...real,
      async connect(options) {
        mostAtOnce.push(await sessionsOf(application_name))
        const client = await real.connect({ ...options, application_name })
        client.query = () =>
          Promise.reject(Object.assign(new Error('cannot execute LISTEN'), { code: '25006' }))
        attempts += 1
        return client
      },
    }
    const wakeups = createWakeups({ connectionString: home.connectionString, database })
    await wakeups.listen(() => {})
    await until(() => attempts >= 3)
    await wakeups.close()
    await until(async () => (await sessionsOf(application_name)) === 0)
    // A closed connection may be visible for an instant.
    expect(Math.max(...mostAtOnce)).toBeLessThanOrEqual(1)
  })
})
