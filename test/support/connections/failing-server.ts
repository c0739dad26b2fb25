/* A Postgres of a test's own, which it may break as an operator, a failover or a full disk would, with the app on it. */
import pg from 'pg'
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../../src/adapters/postgres/embedded/index.js'
import { migrate } from '../../../src/adapters/postgres/migrate.js'
import { signRefreshToken } from '../../../src/adapters/tokens/refresh.js'
import { type Answer, call, createClient } from '../clients.js'
import { asking } from '../fleet.js'
import { silentLog } from '../log.js'
import { NO_FSYNC } from '../no-fsync.js'
import { startTestApp, type TestApp } from '../server.js'
import { temporaryFolder } from '../temporary-folder.js'
import { TEST_REFRESH_SECRET } from '../tokens.js'

export const ROLE = 'freight_app'
export const DATABASE = 'freight'
export const PASSWORD = 'the-first-password'

export interface FailingServer {
  readonly postgres: EmbeddedPostgres
  readonly app: TestApp
  /** As the superuser, on a connection that stays good: to another database, and never read-only. */
  admin(sql: string): Promise<pg.QueryResult>
  /** The same, on the app's database. */
  inDatabase(sql: string): Promise<pg.QueryResult>
  /** Ends all sessions of the app. */
  terminate(): Promise<void>
  close(): Promise<void>
}

export async function startFailingServer(): Promise<FailingServer> {
  const dataDir = await temporaryFolder('failing')
  const postgres = await startEmbeddedPostgres({ dataDir, log: silentLog, settings: NO_FSYNC })
  const options = '-c default_transaction_read_only=off'
  const superuser = new pg.Pool({ connectionString: postgres.connectionString, max: 1, options })
  const admin = (sql: string) => superuser.query(sql)
  // No superuser: only others are held to limits.
  await admin(`create role ${ROLE} login password '${PASSWORD}'`)
  await admin(`create database ${DATABASE} owner ${ROLE}`)
  const url = new URL(postgres.connectionString)
  url.pathname = `/${DATABASE}`
  const insideUrl = url.href
  url.username = ROLE
  url.password = PASSWORD
  await migrate(url.href, { log: silentLog })
  const app = await startTestApp({
    database: { connectionString: url.href, async drop() {} },
    env: { LOG_LEVEL: 'silent' },
  })
  return {
    postgres,
    app,
    admin,
    async inDatabase(sql) {
      const client = new pg.Client({ connectionString: insideUrl, options })
      await client.connect()
      return await client.query(sql).finally(() => client.end())
    },
    async terminate() {
      await admin(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${ROLE}'`)
    },
    async close() {
      await app.close()
      await superuser.end()
      await postgres.stop()
    },
  }
}

const NO_ID = '01890a5d-ac96-774b-bcce-b302099a8057'
let people = 0

/** A call of every kind that touches the database, by new people, all at once. */
export async function callEverything(url: string): Promise<readonly (readonly [string, Answer])[]> {
  const n = ++people
  const customer = await createClient(url, 'customer', `c-${n}`)
  const transporter = await createClient(url, 'transporter', `t-${n}`)
  const driver = await createClient(url, 'driver', `d-${n}`)
  const admin = await createClient(url, 'admin', `a-${n}`)
  const refreshToken = await signRefreshToken({ id: `c-${n}`, role: 'customer' }, TEST_REFRESH_SECRET)
  const calls: Readonly<Record<string, () => Promise<Answer>>> = {
    create: () => customer.post('/api/v1/broadcasts', asking(1)),
    'create with a key': async () => {
      const other = await createClient(url, 'customer', `k-${n}`)
      return other.post('/api/v1/broadcasts', asking(1), { 'idempotency-key': `key-${n}` })
    },
    cancel: () => customer.post(`/api/v1/broadcasts/${NO_ID}/events`, { type: 'cancel' }),
    accept: () =>
      transporter.post(`/api/v1/broadcast/${NO_ID}/accept`, { driverId: `d-${n}`, vehicleId: `v-${n}` }),
    list: () => customer.get('/api/v1/broadcasts'),
    offers: () => transporter.get('/api/v1/broadcasts'),
    history: () => customer.get(`/api/v1/broadcasts/${NO_ID}/history`),
    trip: () => driver.get(`/api/v1/trips/${NO_ID}`),
    'driver added': () => transporter.put(`/api/v1/transporter/drivers/d-${n}`, { name: 'Ravi' }),
    'vehicle added': () =>
      transporter.put(`/api/v1/transporter/vehicles/v-${n}`, { vehicleType: '20ft', number: 'KA 1' }),
    'transporter online': () => transporter.put('/api/v1/transporter/availability', { isAvailable: true }),
    'driver online': () => driver.put('/api/v1/driver/availability', { isOnline: true }),
    heartbeat: () => driver.post('/api/v1/driver/heartbeat', { lat: 1, lng: 1 }),
    answers: () => transporter.get('/api/v1/transporter/answers'),
    device: () => customer.post('/api/v1/devices', { token: `token-${n}`, platform: 'android' }),
    instances: () => admin.get('/api/v1/admin/instances'),
    'dead letters': () => admin.get('/api/v1/admin/dead-letters'),
    refresh: () =>
      call(url, 'POST', '/api/v1/auth/refresh', {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refreshToken }),
      }),
  }
  return Promise.all(Object.entries(calls).map(async ([name, run]) => [name, await run()] as const))
}
