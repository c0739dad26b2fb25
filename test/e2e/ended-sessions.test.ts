/* Sessions end on real processes: one that is paused, one that is killed in the middle of it. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { until } from '../support/engine/engine.js'
import { type Client, createClient, disconnected, listen } from '../support/server/clients.js'
import { asking } from '../support/server/fleet.js'
import { processEnvironment } from '../support/server/server.js'
import { type ServerProcess, startServerProcess } from '../support/server/server-process.js'
import { runOnce } from '../support/weather/run-once.js'

const WITHIN_MS = 1_000

let database: TestDatabase
let sql: ReturnType<typeof runOnce>
let first: ServerProcess
const others: ServerProcess[] = []

const start = () => startServerProcess({ ...processEnvironment, DATABASE_URL: database.connectionString })

beforeAll(async () => {
  database = await createTestDatabase()
  sql = runOnce(database.connectionString)
  first = await start()
})
afterAll(async () => {
  await Promise.all([first, ...others].map(one => one.end('SIGKILL')))
  await database.drop()
})

const statusAt = async (server: ServerProcess, { token }: Client): Promise<number> =>
  (await fetch(`${server.url}/api/v1/sync`, { headers: { authorization: `Bearer ${token}` } })).status

describe('R11.2 an ended session', () => {
  test('is refused by a process that was paused during the end, from its first answer on', async () => {
    const other = await start()
    others.push(other)
    for (const pauseMs of [300, 1_500, 4_000]) {
      const id = `paused-${pauseMs}`
      const client = await createClient(other.url, 'customer', id)
      expect(await statusAt(first, client)).toBe(200)
      const { socket } = await listen(first.url, client.token)
      const cut = disconnected(socket)
      process.kill(first.pid, 'SIGSTOP')
      expect((await client.post('/api/v1/auth/logout')).status).toBe(204)
      await delay(pauseMs)
      // They wait in its sockets, and are the first that it reads.
      const asked = Promise.all(Array.from({ length: 5 }, () => statusAt(first, client)))
      await delay(50)
      process.kill(first.pid, 'SIGCONT')
      // Short of a second, the process may not have heard it yet.
      if (pauseMs > WITHIN_MS) expect(await asked).toEqual([401, 401, 401, 401, 401])
      else await asked
      await until(async () => (await statusAt(first, client)) === 401, WITHIN_MS)
      await cut
    }
  })

  test('and the deactivation of a person take effect everywhere, even if the process that did it dies', async () => {
    const admin = await createClient(first.url, 'admin', 'killer')
    expect((await admin.get('/api/v1/admin/actions')).status).toBe(200)
    let written = 0
    // After so long, or as soon as the row is there.
    for (const [round, afterMs] of [undefined, undefined, 10, 20].entries()) {
      const id = `killed-${round}`
      const isActive = async () =>
        (await sql<{ active: boolean }>('select active from people where id = $1', [id]))[0]?.active
      const doomed = await start()
      others.push(doomed)
      const client = await createClient(first.url, 'customer', id)
      const { body: request } = await client.post('/api/v1/broadcasts', asking(1))
      const { socket } = await listen(first.url, client.token)
      const elsewhere = await createClient(doomed.url, 'admin', 'killer')
      await elsewhere.get('/api/v1/admin/actions')
      elsewhere.put(`/api/v1/admin/users/customer/${id}`, { active: false }).catch(() => {})
      if (afterMs === undefined) await until(async () => (await isActive()) === false)
      else await delay(afterMs)
      await doomed.end('SIGKILL')
      const statusOf = async () =>
        (await sql<{ status: string }>('select status from instances where id = $1', [request.id]))[0]?.status
      if ((await isActive()) === false) {
        written += 1
        await until(async () => (await statusAt(first, client)) === 403, WITHIN_MS)
        await until(() => !socket.connected, WITHIN_MS)
        await until(async () => (await statusOf()) === 'cancelled', 4_000)
      } else {
        expect([await statusAt(first, client), await statusOf()]).toEqual([200, 'searching'])
        socket.disconnect()
      }
    }
    expect(written).toBeGreaterThanOrEqual(2)
  })
})
