/* A process of an old release that was replaced by a newer one while it could not learn of it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { createClient } from '../../support/clients.js'
import { asking } from '../../support/fleet.js'
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js'
import { processEnvironment } from '../../support/server.js'
import { type ServerProcess, startServerProcess } from '../../support/server-process.js'

let database: TestDatabase
let server: ServerProcess
let sql: pg.Pool

beforeAll(async () => {
  database = await createTestDatabase()
  sql = new pg.Pool({ connectionString: database.connectionString, max: 1 })
  server = await startServerProcess({ ...processEnvironment, DATABASE_URL: database.connectionString })
})
afterAll(async () => {
  await server.end('SIGKILL')
  await sql.end()
  await database.drop()
})

describe('a process that learns of an unknown definition version', () => {
  it('R13.3 ends with the reason as its last line, and leaves its unfinished work to others', async () => {
    const customer = await createClient(server.url, 'customer', 'c1')
    const created = await customer.post('/api/v1/broadcasts', asking(1))
    expect(created.status).toBe(201)
    const health = await fetch(`${server.url}/health`)
    expect(await health.json()).toMatchObject({
      status: 'ok',
      checks: { definitions: { status: 'ok', membership: 'current', writing: { broadcast: 1 } } },
    })
    await sql.query(`update definition_versions set version = 2 where machine = 'broadcast'`)

    expect(await server.ended).toBe(1)
    const lines = server.output().trim().split('\n')
    expect(lines.at(-1)).toBe(
      'Loadcast could not go on. Version 2 of "broadcast" is in use; this process knows version 1 at most and cannot take part',
    )
    const { rows } = await sql.query('select count(*)::int as leased from timers where leased_until > now()')
    expect(rows).toEqual([{ leased: 0 }])
  }, 60_000)
})
