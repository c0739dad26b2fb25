import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import pg from 'pg'
import { Agent } from 'undici'
import { freePort } from '../../src/adapters/postgres/embedded/port.js'
import { createTestDatabase } from '../support/database/postgres.js'
import { until } from '../support/engine/engine.js'
import {
  type Nginx,
  nginxForTests,
  plainConfiguration,
  shippedConfiguration,
  startNginx,
} from '../support/rolling/nginx.js'
import { asking } from '../support/server/fleet.js'
import { environmentForLoad } from '../support/server/server.js'
import { type ServerProcess, startServerProcess } from '../support/server/server-process.js'
import { tokenFor } from '../support/server/tokens.js'

/*
 * A rolling restart behind a proxy without health checks, which detects a stopped process only by failures. No call is
 * retried: each must be answered the first time.
 */

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const CALLERS = 8
const ROUNDS = isLong ? 4 : 1
const CALM_MS = 1_000

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const it of open.splice(0).reverse()) await it.close()
})

interface Load {
  readonly answered: number
  readonly failures: readonly string[]
  /** Requests that were acknowledged. */
  readonly created: readonly string[]
  end(): Promise<void>
}

/** Customers create and cancel a request, and read, one call after another. */
async function startLoad(url: string): Promise<Load> {
  const failures: string[] = []
  const created: string[] = []
  let answered = 0
  let isOver = false
  const dispatcher = new Agent({ connections: CALLERS, pipelining: 1 })

  async function call(
    id: string,
    method: string,
    path: string,
    body?: object,
  ): Promise<{ id: string } | undefined> {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await tokenFor('customer', id)}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      dispatcher,
    } as object).catch((error: Error) => error)
    if (response instanceof Error) {
      failures.push(`${method} ${path}: ${response.message} ${String(response.cause)}`)
      return undefined
    }
    const text = await response.text()
    if (response.ok) answered++
    else failures.push(`${method} ${path}: ${response.status} ${text.slice(0, 200)}`)
    return response.ok ? JSON.parse(text) : undefined
  }

  const callers = Array.from({ length: CALLERS }, async (_, number) => {
    for (let round = 0; !isOver; round++) {
      const id = `rolling-${number}-${round}`
      const broadcast = await call(id, 'POST', '/api/v1/broadcasts', asking(1))
      if (broadcast === undefined) continue
      created.push(broadcast.id)
      await call(id, 'GET', '/api/v1/broadcasts')
      await call(id, 'POST', `/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
    }
  })
  return {
    get answered() {
      return answered
    },
    failures,
    created,
    async end() {
      isOver = true
      await Promise.all(callers)
      await dispatcher.close()
    },
  }
}

const { describeWithNginx } = await nginxForTests()

describeWithNginx('a rolling restart behind nginx', () => {
  test.each([
    ['as we ship it', shippedConfiguration],
    ['with a common configuration: long-lived connections and no forwarded address', plainConfiguration],
  ])('R9.4 %s: no call fails, and every acknowledged request exists', async (_which, configurationFor) => {
    const database = await createTestDatabase()
    open.push({ close: () => database.drop() })
    const pool = new pg.Pool({ connectionString: database.connectionString, max: 1 })
    open.push({ close: () => pool.end() })
    const ports = [await freePort(undefined), await freePort(undefined)]
    const environment = environmentForLoad(database.connectionString)
    const start = (port: number) => startServerProcess({ ...environment, PORT: String(port) })
    const running: ServerProcess[] = await Promise.all(ports.map(start))
    open.push({ close: () => Promise.all(running.map(server => server.end('SIGKILL'))) })
    const nginx: Nginx = await startNginx(await configurationFor(ports))
    open.push({ close: () => nginx.stop() })
    const load = await startLoad(nginx.url)
    await delay(CALM_MS)
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, port] of ports.entries()) {
        const before = load.answered
        expect(await running[i]?.end('SIGTERM')).toBe(0)
        running[i] = await start(port)
        await until(() => load.answered > before + CALLERS)
      }
    }
    await delay(CALM_MS)
    await load.end()
    if (load.failures.length > 0) {
      const lines = (await nginx.errors()).split('\n').filter(line => /\[error\]/.test(line))
      process.stderr.write(
        `${lines.filter(line => !line.includes('(111: Connection refused)')).join('\n')}\n`,
      )
    }
    expect(load.failures).toEqual([])
    const { rows } = await pool.query<{ id: string }>('select id from instances')
    const stored = new Set(rows.map(({ id }) => id))
    expect(load.created.filter(id => !stored.has(id))).toEqual([])
    process.stdout.write(
      `R9.4: ${load.answered} calls through nginx while both processes were restarted, 0 failed\n`,
    )
  })
})
