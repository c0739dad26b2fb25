/*
 * Which servers are refused. In one database, a function of the same name, first in the search path, makes a real server
 * report another version.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { recordingLog, silentLog } from '../../support/engine/log.js'
import { processEnvironment } from '../../support/server/server.js'
import { runServerToEnd, startServerProcess } from '../../support/server/server-process.js'

let database: TestDatabase

beforeEach(async () => {
  database = await createTestDatabase({ empty: true })
})
afterEach(() => database.drop())

async function query(...statements: string[]): Promise<unknown[]> {
  const client = new pg.Client(database.connectionString)
  await client.connect()
  try {
    let rows: unknown[] = []
    for (const statement of statements) rows = (await client.query(statement)).rows
    return rows
  } finally {
    await client.end()
  }
}

async function pretendVersion(number: number, version: string): Promise<void> {
  await query(
    'create schema shadow',
    `create function shadow.current_setting(text) returns text language sql as $$
       select case $1 when 'server_version_num' then '${number}' when 'server_version' then '${version}'
         else pg_catalog.current_setting($1) end $$`,
    `alter database ${new URL(database.connectionString).pathname.slice(1)}
       set search_path = public, shadow, pg_catalog`,
  )
}

describe('R13.5 a Postgres that is too old', () => {
  beforeEach(() => pretendVersion(140_012, '14.12 (Debian 14.12-1)'))

  test('R13.5 is refused by migrate, which names its version and the supported ones and creates nothing', async () => {
    await expect(migrate(database.connectionString, { log: silentLog })).rejects.toThrow(
      /Postgres 14\.12 .*runs on Postgres 15 to 18/,
    )
    expect(await query("select from pg_class where relname = 'schema_migrations'")).toEqual([])
  })

  test.each([{}, { NODE_ENV: 'production' }])('R13.5 ends a start with a clear message: %j', async extra => {
    const env = { ...processEnvironment, DATABASE_URL: database.connectionString, ...extra }
    const { code, output } = await runServerToEnd(env)
    expect(code).toBe(1)
    expect(output).toMatch(/Postgres 14\.12 .*runs on Postgres 15 to 18/)
    expect(output).not.toContain('    at ')
  })
})

describe('R13.5 a Postgres that is newer than any tested', () => {
  test('R13.5 is used, with a warning', async () => {
    await migrate(database.connectionString, { log: silentLog })
    await pretendVersion(190_001, '19.1')
    const log = recordingLog()
    expect(await migrate(database.connectionString, { log })).toEqual([])
    expect(log.lines).toContainEqual(expect.stringMatching(/^warning: .*19\.1.*tested on Postgres 15 to 18/))
    const env = { ...processEnvironment, DATABASE_URL: database.connectionString }
    const server = await startServerProcess(env)
    expect(await server.end('SIGTERM')).toBe(0)
    expect(server.output()).toMatch(/19\.1.*tested on Postgres 15 to 18/)
  })
})
