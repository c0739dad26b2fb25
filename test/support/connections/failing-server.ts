/* A Postgres for one test, with the app on it. The test may break it as an operator, a failover or a full disk would. */
import pg from 'pg'
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../../src/adapters/postgres/embedded/index.js'
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import { NO_FSYNC } from '../database/no-fsync.js'
import { silentLog } from '../engine/log.js'
import { temporaryFolder } from '../processes/temporary-folder.js'
import { startTestApp, type TestApp } from '../server/server.js'

export const ROLE = 'freight_app'
export const DATABASE = 'freight'
export const PASSWORD = 'the-first-password'

export interface FailingServer {
  readonly postgres: EmbeddedPostgres
  readonly app: TestApp
  /** As the superuser, on a connection that stays usable: to another database, and never read-only. */
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
  // Not a superuser, because limits do not apply to one.
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
      const client = new pg.Client({
        connectionString: insideUrl,
        options: `${options} -c search_path=public`, // The search path of the app's role.
      })
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
