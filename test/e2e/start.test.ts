import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { processEnvironment } from '../support/server/server.js'
import { runServerToEnd, startServerProcess } from '../support/server/server-process.js'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase({ empty: true })
})

afterAll(() => database.drop())

describe('a start', () => {
  test('on an empty database: migrates, and is ready with tokens that work', async () => {
    const env = { ...processEnvironment, DATABASE_URL: database.connectionString }
    const server = await startServerProcess(env)
    try {
      const output = server.output()
      expect(output).not.toContain(new URL(database.connectionString).password)
      for (const role of ['customer', 'transporter', 'driver', 'admin']) {
        const token = new RegExp(`${role} \\w+ +(\\S+)`).exec(output)?.[1]
        const answer = await fetch(`${server.url}/api/v1/trips/x`, {
          headers: { authorization: `Bearer ${token}` },
        })
        expect(answer.status).toBe(404)
      }
      const [, driver, token] = /driver (\w+) +(\S+)/.exec(output) ?? []
      const fleet = await fetch(`${server.url}/api/v1/driver/fleet`, {
        headers: { authorization: `Bearer ${token}` },
      })
      const transporter = /transporter (\w+) /.exec(output)?.[1]
      expect(driver).toBeDefined()
      expect(await fleet.json()).toEqual({ transporterId: transporter, invitations: [] })
    } finally {
      expect(await server.end('SIGINT')).toBe(0)
    }
  })

  test('R9.1 in production without its settings: refused, with the names of all of them', async () => {
    const { code, output } = await runServerToEnd({
      NODE_ENV: 'production',
      BROADCAST_TIMEOUT_SECONDS: 'soon',
    })
    expect(code).toBe(1)
    for (const name of ['DATABASE_URL', 'JWT_SECRET', 'JWT_REFRESH_SECRET', 'BROADCAST_TIMEOUT_SECONDS']) {
      expect(output).toContain(name)
    }
    expect(output).not.toContain('    at ')
  })

  test('in production on a database without migrations: it logs that and accepts no work', async () => {
    const empty = await createTestDatabase({ empty: true })
    const { code, output } = await runServerToEnd({
      ...processEnvironment,
      NODE_ENV: 'production',
      DATABASE_URL: empty.connectionString,
    })
    await empty.drop()
    expect(code).toBe(1)
    expect(output).toMatch(/npm run migrate/)
    expect(output).not.toContain('eyJ')
  })

  test('on a port in use: it names the setting to change', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => holder.once('listening', resolve))
    const { port } = holder.address() as AddressInfo
    const env = { ...processEnvironment, DATABASE_URL: database.connectionString, PORT: String(port) }
    const { code, output } = await runServerToEnd(env)
    holder.close()
    expect(code).toBe(1)
    expect(output).toContain('Set PORT')
  })
})
