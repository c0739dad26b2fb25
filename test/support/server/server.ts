import pg from 'pg'
import { pino } from 'pino'
import { createAuditStore } from '../../../src/adapters/postgres/engine/audit-store.js'
import { tripsOutsideFleets } from '../../../src/adapters/postgres/product/fleet/outside-fleets.js'
import { createApp } from '../../../src/app/app.js'
import { loadSettings } from '../../../src/app/settings/settings.js'
import { broadcastInvariants, FLEET_INVARIANT } from '../../../src/dispatch/invariants.js'
import type { PushSender } from '../../../src/dispatch/ports.js'
import { broadcastDefinition } from '../../../src/machines/index.js'
import { audit, type Violation } from '../../../src/runtime/audit.js'
import type { Definition } from '../../../src/runtime/definition.js'
import type { Faults } from '../../../src/runtime/faults.js'
import { createTestDatabase, type TestDatabase } from '../database/postgres.js'
import { TEST_REFRESH_SECRET, TEST_SECRET } from './tokens.js'

export interface TestApp {
  readonly url: string
  readonly inspectUrl: string | undefined
  readonly database: TestDatabase
  /** Queries the database directly, to see what is really stored. */
  query<T extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<T[]>
  /** Counts the rows of every table, to show that nothing was written. */
  countRows(): Promise<Readonly<Record<string, number>>>
  close(): Promise<void>
}

export interface TestAppOptions {
  /** Settings by their names in the environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Replaces the connection to the database: gets its URL and returns another. */
  readonly route?: (connectionString: string) => Promise<string> | string
  /** A database that is shared with another server and outlives this one. */
  readonly database?: TestDatabase
  readonly faults?: Faults
  /** Replaces FCM. */
  readonly pushSender?: PushSender
}

/**
 * The whole server in this process with all its real parts, on its own database and a free port. Faults are logged to
 * standard error, so a passing test prints none.
 */
export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const { env = {}, route = url => url, faults, pushSender } = options
  const database = options.database ?? (await createTestDatabase())
  const pool = new pg.Pool({ connectionString: database.connectionString, max: 2 })
  pool.on('error', () => {}) // A test may end the server. Its next query then fails with the error.
  const app = await createApp({
    settings: loadSettings({ PORT: '0', LOG_LEVEL: 'error', ...env }),
    connectionString: await route(database.connectionString),
    tokenKeys: { secret: TEST_SECRET, refreshSecret: TEST_REFRESH_SECRET },
    log: pino({ level: env.LOG_LEVEL ?? 'error' }, pino.destination({ dest: 2, sync: true })),
    ...(faults === undefined ? {} : { faults }),
    ...(pushSender === undefined ? {} : { pushSender }),
  })
  const query = async <T extends pg.QueryResultRow>(sql: string, values: unknown[] = []) =>
    (await pool.query<T>(sql, values)).rows
  return {
    url: app.url,
    inspectUrl: app.inspectUrl,
    database,
    query,
    countRows: () => countRows(query),
    async close() {
      await app.close()
      await pool.end()
      if (options.database === undefined) await database.drop()
    },
  }
}

/** Settings of a server in a process of its own, with the keys of the tests' tokens. */
export const processEnvironment = {
  JWT_SECRET: TEST_SECRET,
  JWT_REFRESH_SECRET: TEST_REFRESH_SECRET,
} as const

/** The same for load on this database: without rate limits, and with only errors logged. */
export const environmentForLoad = (connectionString: string) => ({
  ...processEnvironment,
  DATABASE_URL: connectionString,
  LOG_LEVEL: 'error',
  RATE_LIMIT_USER_PER_MINUTE: '0',
  RATE_LIMIT_ADDRESS_PER_MINUTE: '0',
})

/** The violations that `npm run verify` would report for this database. */
export async function findViolations(connectionString: string): Promise<readonly Violation[]> {
  const pool = new pg.Pool({ connectionString, max: 1 })
  try {
    const definitions = [broadcastDefinition as unknown as Definition]
    const violations: Violation[] = []
    for await (const violation of audit(createAuditStore(pool), definitions, broadcastInvariants)) {
      violations.push(violation)
    }
    for (const found of await tripsOutsideFleets(pool))
      violations.push({ invariant: FLEET_INVARIANT, ...found })
    return violations
  } finally {
    await pool.end()
  }
}

async function countRows(query: TestApp['query']): Promise<Record<string, number>> {
  const tables = await query<{ table_schema: string; table_name: string }>(
    // Left out: refused accepts are written a moment later, rows of delivered events are removed at any time, and sweeps
    // run by the clock.
    `select table_schema, table_name from information_schema.tables
     where table_schema in ('public', 'loadcast') and table_type = 'BASE TABLE'
       and table_name not in ('answers', 'outbox', 'sweeps') and table_name not like 'journal\\_%' order by 2`,
  )
  const counts: Record<string, number> = {}
  for (const { table_schema, table_name } of tables) {
    const [row] = await query<{ count: number }>(
      `select count(*)::integer as count from ${table_schema}."${table_name}"`,
    )
    counts[table_name] = row?.count ?? 0
  }
  return counts
}
