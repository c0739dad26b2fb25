import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { callEverything, expectNoFault, refused } from '../../support/connections/everything.js'
import { startTerminatingProxy } from '../../support/connections/terminating-proxy.js'
import { createTestDatabase, SERVER_VARIABLE, type TestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'
import { findViolations, processEnvironment } from '../../support/server/server.js'
import { startServerProcess } from '../../support/server/server-process.js'

/* Ending connections at any instant ends no process, and all work continues afterwards. */

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const ENDED = isLong ? 20_000 : 2_000
const PATIENCE_MS = isLong ? 600_000 : 120_000

let database: TestDatabase
let killer: pg.Pool

beforeAll(async () => {
  database = await createTestDatabase()
  // On another database of the same server, so that it does not end its own connection.
  killer = new pg.Pool({ connectionString: process.env[SERVER_VARIABLE], max: 1 })
})
afterAll(async () => {
  await killer.end()
  await database.drop()
})

interface Counts {
  readonly [kind: string]: { readonly done: number; readonly failed: number; readonly resumed: number }
}

function startStorm(kind: 'loadcast' | 'plain', connectionString: string) {
  const script = fileURLToPath(new URL('../../support/connections/storm-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, kind, connectionString], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, errors }))
  return {
    isRunning: () => child.exitCode === null && child.signalCode === null,
    ended,
    async finish(): Promise<Counts> {
      child.stdin.end()
      expect(await ended).toEqual({ code: 0, errors: '' })
      return JSON.parse(output)
    },
  }
}

function expectAllWork(counts: Counts): void {
  const kinds = Object.keys(counts)
  expect(kinds).toContain('transaction')
  for (const kind of kinds) {
    // Each kind of work was hit, and each continues.
    expect({ kind, wasHit: (counts[kind]?.failed ?? 0) > 0 }).toEqual({ kind, wasHit: true })
    expect({ kind, goesOn: (counts[kind]?.resumed ?? 0) > 0 }).toEqual({ kind, goesOn: true })
  }
}

describe('R13.1 a process whose connections are cut', () => {
  test('as soon as they are made, thousands of times, survives', async () => {
    const proxy = await startTerminatingProxy(database.connectionString)
    proxy.endShare = 0.5
    const storm = startStorm('loadcast', proxy.connectionString)
    await until(() => proxy.ended >= ENDED || !storm.isRunning(), PATIENCE_MS)
    proxy.endShare = 0
    expectAllWork(await storm.finish())
    await proxy.close()
  })

  test('would die with plain connections of the driver (control)', async () => {
    const proxy = await startTerminatingProxy(database.connectionString)
    const storm = startStorm('plain', proxy.connectionString)
    await until(() => !storm.isRunning(), PATIENCE_MS)
    const { code, errors } = await storm.ended
    expect(code).not.toBe(0)
    expect(errors).toContain('57P01')
    await proxy.close()
  })

  test('by pg_terminate_backend, thousands of times, survives', async () => {
    const name = new URL(database.connectionString).pathname.slice(1)
    const storm = startStorm('loadcast', database.connectionString)
    for (let ended = 0; ended < ENDED && storm.isRunning(); ) {
      const { rows } = await killer.query(
        'select count(pg_terminate_backend(pid))::int as count from pg_stat_activity where datname = $1',
        [name],
      )
      ended += rows[0].count
    }
    expectAllWork(await storm.finish())
  })

  test('at any statement, from its start on, serves or answers 503, and ends when stopped', async () => {
    const proxy = await startTerminatingProxy(database.connectionString)
    // A start sends some hundred statements on few connections, so now and then one succeeds.
    proxy.endShare = 0.01
    const server = await startServerProcess({ ...processEnvironment, DATABASE_URL: proxy.connectionString })
    proxy.endShare = 0.1
    const told: string[] = []
    for (let round = 0; round < (isLong ? 200 : 20); round++) {
      const answers = await callEverything(server.url)
      expectNoFault(answers)
      told.push(...refused(answers))
    }
    expect(told.length).toBeGreaterThan(0)
    proxy.endShare = 0
    await until(async () => refused(await callEverything(server.url)).length === 0)
    expect(await server.end('SIGTERM')).toBe(0)
    expect(await findViolations(database.connectionString)).toEqual([])
    await proxy.close()
  })
})
