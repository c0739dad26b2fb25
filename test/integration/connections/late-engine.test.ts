import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { type App, createApp } from '../../../src/app/app.js'
import { createDatabaseWait } from '../../../src/app/database-wait.js'
import { loadSettings } from '../../../src/app/settings/settings.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { startTcpProxy, type TcpProxy } from '../../support/network/tcp-proxy.js'
import { call } from '../../support/server/clients.js'
import { TEST_REFRESH_SECRET, TEST_SECRET } from '../../support/server/tokens.js'

let database: TestDatabase
let proxy: TcpProxy

beforeAll(async () => {
  database = await createTestDatabase()
  proxy = await startTcpProxy(database.connectionString)
})
afterAll(async () => {
  await proxy.close()
  await database.drop()
})

const start = (waitMs: number, told: string[] = []): Promise<App> =>
  createApp({
    settings: loadSettings({ PORT: '0', LOG_LEVEL: 'silent' }),
    connectionString: proxy.connectionString,
    tokenKeys: { secret: TEST_SECRET, refreshSecret: TEST_REFRESH_SECRET },
    log: pino({ level: 'silent' }),
    whenAvailable: createDatabaseWait({ waitMs, tell: line => told.push(line) }),
  })

/** The statements of a start, in this order. */
test.each([
  ['the login', 'loadcast engine'],
  ['the clock', 'clock_timestamp()'],
  ['the other processes', 'pg_advisory_xact_lock'],
  ['its versions', 'insert into "loadcast".definition_versions'],
])('a start that loses the database during %s continues when it is back', async (_name, text) => {
  const cut = proxy.cutBefore(text)
  const told: string[] = []
  const app = await start(60_000, told)
  await cut.made
  expect(told).toEqual([expect.stringContaining('waiting for the database'), 'the database is available'])
  expect((await call(app.url, 'GET', '/health')).status).toBe(200)
  await app.close()
})

test('a start without it in time fails with that reason', async () => {
  proxy.sever()
  await expect(start(600)).rejects.toThrow('DATABASE_WAIT_SECONDS')
  proxy.mend()
})
