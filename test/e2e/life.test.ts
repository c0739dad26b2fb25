import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { createClient as createApp } from '../../src/client/index.js'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { until } from '../support/engine/engine.js'
import { startRoughNetwork } from '../support/network/rough-network.js'
import { type Answer, call, createClient } from '../support/server/clients.js'
import { asking } from '../support/server/fleet.js'
import { findViolations, processEnvironment } from '../support/server/server.js'
import {
  beginServerProcess,
  type ServerProcess,
  startServerProcess,
} from '../support/server/server-process.js'

/* How a process ends: stopped once, stopped twice, during its start, and by a defect. */

/** Nothing here may end because the time was over. */
const LONG_DRAIN_SECONDS = '600'
/** Longer than the pause between retries: a faster client was asked to reconnect at once. */
const NEVER_MS = 3_600_000

let database: TestDatabase
let pool: pg.Pool
const started: ServerProcess[] = []

async function start(env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  const server = await startServerProcess({
    ...processEnvironment,
    DATABASE_URL: database.connectionString,
    LOG_LEVEL: 'info',
    ...env,
  })
  started.push(server)
  return server
}

beforeAll(async () => {
  database = await createTestDatabase()
  pool = new pg.Pool({ connectionString: database.connectionString, max: 3 })
})
afterAll(async () => {
  await Promise.all(started.map(server => server.end('SIGKILL')))
  expect(await findViolations(database.connectionString)).toEqual([])
  await pool.end()
  await database.drop()
})

/** A request that has begun and not ended: its body is still to come. */
async function beginRequest(server: ServerProcess, token: string): Promise<{ finish(): Promise<string> }> {
  const body = JSON.stringify(asking(1))
  const { hostname, port } = new URL(server.url)
  const request = connect(Number(port), hostname)
  let answer = ''
  request.on('data', chunk => {
    answer += chunk
  })
  request.on('error', () => {})
  const closed = new Promise(resolve => request.once('close', resolve))
  request.write(
    `POST /api/v1/broadcasts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\nexpect: 100-continue\r\n\r\n`,
  )
  await until(() => answer.includes('100 Continue'))
  return {
    async finish() {
      request.write(body)
      await closed
      return answer
    },
  }
}

describe('a process that is stopped', () => {
  test('R9.4 reports it to the balancer by /health, and serves until the balancer has noticed; then it ends in order', async () => {
    const server = await start({ DRAIN_SECONDS: LONG_DRAIN_SECONDS })
    const customer = await createClient(server.url, 'customer', 'late')
    const health = () => call(server.url, 'GET', '/health')
    expect(await health()).toMatchObject({ status: 200, body: { status: 'ok' } })
    const ended = server.end('SIGTERM')
    let last: Answer | undefined
    await until(async () => {
      last = await health()
      return last.status === 503
    })
    expect(last?.body).toMatchObject({
      status: 'down',
      draining: true,
      checks: { postgres: { status: 'ok' } },
    })
    const [live, created] = await Promise.all([
      call(server.url, 'GET', '/health/live'),
      customer.post('/api/v1/broadcasts', asking(1)),
    ])
    expect(live.status).toBe(200)
    expect(created.status).toBe(201)
    expect(created.headers.get('connection')).toBe('close')
    expect(await ended).toBe(0)
  })

  test('R9.4 R7.3 sends its sockets to another process, where they continue from their last event', async () => {
    const [one, other] = await Promise.all([start(), start()])
    const network = await startRoughNetwork([one.url, other.url])
    const { token, post } = await createClient(other.url, 'customer', 'moved')
    // Its calls go to one process, its socket through the balancer.
    const moved = createApp({
      url: network.url,
      token,
      backoff: { firstMs: NEVER_MS, longestMs: NEVER_MS },
      fetch: (address, init) => fetch(String(address).replace(network.url, other.url), init),
    })
    const heard: string[] = []
    const ends: string[] = []
    moved.on('event', ({ type }) => heard.push(type))
    moved.on('disconnected', ({ reason }) => ends.push(reason))
    await moved.connect()
    const { body: broadcast } = await post('/api/v1/broadcasts', asking(1))
    expect(await one.end('SIGTERM')).toBe(0)
    await until(() => moved.isConnected && ends.length === 1)
    await post(`/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
    // Each connection of the customer is informed of the cancel.
    await until(() => heard.length > 0)
    moved.close()
    await network.close()
    expect(await other.end('SIGINT')).toBe(0)
  })

  test('R9.4 R5.2 releases the leases of work that it cannot finish', async () => {
    const server = await start({ DRAIN_SECONDS: '4', BROADCAST_TIMEOUT_SECONDS: '1' })
    const customer = await createClient(server.url, 'customer', 'stuck')
    const locker = await pool.connect()
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1, 'nobody_has_this'))
    await locker.query('begin')
    await locker.query('select from instances where id = $1 for update', [broadcast.id])
    const leases = async () =>
      (
        await pool.query<{ is_leased: boolean }>(
          'select leased_until is not null as is_leased from timers where instance = $1 and due_at < now()',
          [broadcast.id],
        )
      ).rows.map(row => row.is_leased)
    await until(async () => (await leases()).includes(true))
    expect(await server.end('SIGTERM')).toBe(0)
    expect(server.output()).toContain('left to other processes')
    const left = await leases()
    expect(left.length).toBeGreaterThan(0)
    expect(left).not.toContain(true)
    await locker.query('rollback')
    locker.release()
    const heir = await start()
    await until(async () => {
      const { rows } = await pool.query('select status from instances where id = $1', [broadcast.id])
      return rows[0].status === 'expired'
    })
    expect(await heir.end('SIGINT')).toBe(0)
  })

  test('R9.4 ends at once when it is stopped a second time', async () => {
    const server = await start({ DRAIN_SECONDS: LONG_DRAIN_SECONDS })
    const customer = await createClient(server.url, 'customer', 'hurried')
    await beginRequest(server, customer.token)
    const ended = server.end('SIGTERM')
    await until(() => server.output().includes('draining'))
    expect(await server.end('SIGTERM')).toBe(1)
    expect(await ended).toBe(1)
    expect(server.output()).toContain('by a second signal')
  })

  test('R9.4 ends in time though a request does not, and loses nothing', async () => {
    const server = await start({ DRAIN_SECONDS: '2' })
    const customer = await createClient(server.url, 'customer', 'slow')
    const request = await beginRequest(server, customer.token)
    expect(await server.end('SIGTERM')).toBe(0)
    expect(await request.finish()).not.toContain('201')
  })

  test('R9.4 ends in time though its start hangs', async () => {
    const accepted: Socket[] = []
    const silent = createServer(socket => accepted.push(socket.on('error', () => {})))
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    const { port } = silent.address() as AddressInfo
    const server = beginServerProcess({
      ...processEnvironment,
      DATABASE_URL: `postgres://nobody@127.0.0.1:${port}/nothing`,
      DRAIN_SECONDS: '0.2',
    })
    await until(() => accepted.length > 0, 30_000)
    expect(await server.end('SIGTERM')).toBe(1)
    expect(server.output()).toContain('not drained in time')
    for (const socket of accepted) socket.destroy()
    silent.close()
  })
})

describe('a process with a defect', () => {
  test.each([
    ['an unhandled rejection', 'Promise.reject(new Error("a defect of the test"))'],
    ['an exception that nobody catches', 'setTimeout(() => { throw new Error("a defect of the test") })'],
  ])('R9.4 ends with an error: %s', async (_name, defect) => {
    const hook = `process.on("SIGUSR2",()=>{${defect}})`
    const server = await start({
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(hook)}`,
    })
    expect(await server.end('SIGUSR2')).toBe(1)
    expect(server.output()).toMatch(/"level":60.*a defect of the test.*"defect: the process ends"/)
  })
})
