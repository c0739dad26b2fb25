import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { DEFAULT_SCHEMA } from '../../../src/adapters/postgres/connection/engine-schema.js'

/** Set by the global setup for the workers. */
export const SERVER_VARIABLE = 'LOADCAST_TEST_SERVER'

/**
 * Of test databases, in seconds: logins on a busy machine outlast the program's three. Tests of a silent server name that
 * server without it.
 */
const CONNECT_TIMEOUT_SECONDS = 30

/** The migrated database from which every test database is copied. No session stays connected to it. */
export const TEMPLATE = 'loadcast_template'

export interface TestDatabase {
  readonly connectionString: string
  /** Ends all its sessions and deletes it. */
  drop(): Promise<void>
}

/**
 * Creates a migrated, empty database on the run's Postgres, in about 50 ms:
 *
 *   const database = await createTestDatabase()
 *   afterAll(() => database.drop())
 *
 * With `empty`, the database does not have our tables.
 */
export async function createTestDatabase({ empty = false } = {}): Promise<TestDatabase> {
  const server = process.env[SERVER_VARIABLE]
  if (server === undefined) throw new Error('No test Postgres runs: start tests with npm test.')
  const name = `test_${randomBytes(8).toString('hex')}`
  await execute(server, `create database ${name} template ${empty ? 'template0' : TEMPLATE}`)
  // Tests name the engine's tables without their schema. The program names the schema.
  if (!empty) await execute(server, `alter database ${name} set search_path = ${DEFAULT_SCHEMA}, public`)
  const url = new URL(server)
  url.pathname = `/${name}`
  url.searchParams.set('connect_timeout', String(CONNECT_TIMEOUT_SECONDS))
  return {
    connectionString: url.href,
    async drop() {
      await sessionsToEnd(server, name)
      await execute(server, `drop database if exists ${name} with (force)`)
    },
  }
}

/** A pool reports its end before its sessions have ended, and ending those by force would fail the test. */
async function sessionsToEnd(server: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    for (const deadline = Date.now() + 500; Date.now() < deadline; await delay(10)) {
      const { rowCount } = await client.query(
        "select from pg_stat_activity where datname = $1 and backend_type = 'client backend'",
        [name],
      )
      if (rowCount === 0) return
    }
  } finally {
    await client.end()
  }
}

async function execute(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
