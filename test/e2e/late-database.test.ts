import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { freePort } from '../../src/adapters/postgres/embedded/port.js'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { until } from '../support/engine/engine.js'
import { call } from '../support/server/clients.js'
import { processEnvironment } from '../support/server/server.js'
import { beginServerProcess, runToEnd } from '../support/server/server-process.js'

/* A process that starts before its database waits, logs that it does, and continues by itself. */

const PATIENCE_MS = 60_000

let database: TestDatabase
const gates: Gate[] = []

beforeAll(async () => {
  database = await createTestDatabase()
})
afterEach(async () => {
  await Promise.all(gates.splice(0).map(gate => gate.close()))
})
afterAll(() => database.drop())

interface Gate {
  readonly port: number
  /** Accepts connections and stays silent, or forwards them to the database. */
  open(how: 'silent' | 'through'): Promise<void>
  close(): Promise<void>
}

async function gateTo(target: string): Promise<Gate> {
  const port = await freePort(undefined)
  const { port: targetPort, hostname } = new URL(target)
  const sockets = new Set<Socket>()
  let server: Server | undefined
  const gate: Gate = {
    port,
    async open(how) {
      await gate.close()
      server = createServer(socket => {
        sockets.add(socket)
        socket.on('error', () => {})
        if (how === 'silent') return void socket.resume()
        const far = connect(Number(targetPort), hostname)
        far.on('error', () => {})
        sockets.add(far)
        socket.pipe(far).pipe(socket)
      })
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      expect((server.address() as AddressInfo).port).toBe(port)
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      sockets.clear()
      if (server?.listening) {
        server.close()
        await once(server, 'close')
      }
    },
  }
  gates.push(gate)
  return gate
}

function environment(port: number, more: Readonly<Record<string, string>> = {}, target = database) {
  const url = new URL(target.connectionString)
  url.port = String(port)
  url.search = '' // The program's own limit for a silent server is tested.
  return { ...processEnvironment, DATABASE_URL: url.href, ...more }
}

/** In production the log is on standard output. */
const listening = (output: string) => /(?:listens on |"url":")(http:[^\s"]+)/.exec(output)?.[1]

const runs = [
  ['outside production, where it migrates', {}],
  ['in production, where it checks that this was done', { NODE_ENV: 'production', HOST: '127.0.0.1' }],
] as const

describe('a process that starts before its database', () => {
  test.each(runs)('%s: waits, logs why, and starts', async (_name, more) => {
    const gate = await gateTo(database.connectionString)
    const starting = beginServerProcess(environment(gate.port, more))
    try {
      await until(() => /waiting for the database.*ECONNREFUSED/.test(starting.output()), PATIENCE_MS)
      await gate.open('silent')
      await until(() => /waiting for the database.*in time/.test(starting.output()), PATIENCE_MS)
      expect(starting.output()).not.toMatch(/postgres:\/\//)
      await gate.open('through')
      await until(() => listening(starting.output()) !== undefined, PATIENCE_MS)
      expect(starting.output()).toContain('the database is available')
      const url = listening(starting.output()) ?? ''
      expect((await call(url, 'GET', '/health')).body.checks.postgres.status).not.toBe('down')
    } finally {
      expect(await starting.end('SIGTERM')).toBe(0)
    }
  })

  test('ends with 1 and the reason when the time is up', async () => {
    const gate = await gateTo(database.connectionString)
    const env = environment(gate.port, { DATABASE_WAIT_SECONDS: '1.5' })
    const { code, output } = await runToEnd('dist/main.js', env)
    expect(code).toBe(1)
    expect(output).toMatch(/within 1\.5 s \(DATABASE_WAIT_SECONDS\).*ECONNREFUSED/)
    expect(output).not.toContain('    at ')
  })

  test.each([
    ['a password that is wrong', { password: 'wrong' }, '28P01'],
    ['a database that is not there', { pathname: '/nowhere' }, '3D000'],
  ])('%s is logged at once, and ends the process when the time is up', async (_name, change, sqlstate) => {
    const url = new URL(database.connectionString)
    Object.assign(url, change)
    const env = { ...processEnvironment, DATABASE_URL: url.href, DATABASE_WAIT_SECONDS: '1' }
    const { code, output } = await runToEnd('dist/main.js', env)
    expect(code).toBe(1)
    const lines = output.split('\n')
    expect(lines.find(line => line.includes('waiting for the database'))).toContain(sqlstate)
    expect(lines.filter(line => line.includes('could not be used'))).toEqual([
      expect.stringContaining(sqlstate),
    ])
  })

  test('ends with 0 and logs it when it is stopped while it waits', async () => {
    const gate = await gateTo(database.connectionString)
    await gate.open('silent')
    const starting = beginServerProcess(environment(gate.port))
    await until(() => /waiting for the database/.test(starting.output()), PATIENCE_MS)
    // A forced end after DRAIN_SECONDS would give 1.
    expect(await starting.end('SIGTERM')).toBe(0)
    expect(starting.output()).toContain('ended before it had started')
  })
})

describe('a migration that starts before its database', () => {
  test('waits, logs why, and migrates', async () => {
    const empty = await createTestDatabase({ empty: true })
    const gate = await gateTo(empty.connectionString)
    const migrating = beginServerProcess(environment(gate.port, {}, empty), 'dist/migrate.js')
    await until(() => /waiting for the database.*ECONNREFUSED/.test(migrating.output()), PATIENCE_MS)
    await gate.open('through')
    expect(await migrating.ended).toBe(0)
    expect(migrating.output()).toContain('applied in')
    await gate.close()
    await empty.drop()
  })

  test('ends with 1 and the reason when the time is up', async () => {
    const gate = await gateTo(database.connectionString)
    const { code, output } = await runToEnd(
      'dist/migrate.js',
      environment(gate.port, { DATABASE_WAIT_SECONDS: '0' }),
    )
    expect(code).toBe(1)
    expect(output).toMatch(/within 0 s.*ECONNREFUSED/)
    expect(output).not.toContain('    at ')
  })
})
