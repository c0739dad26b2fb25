/*
 * Checks once at the start that this release supports the server, and that connections get the settings they request. A
 * pooler may refuse the startup parameter that carries them, or silently drop it.
 */
import pg from 'pg'
import type { Client } from './client.js'
import { COMMIT_SETTINGS, startupOptions } from './commit-pool.js'
import { createDatabase } from './database.js'
import type { Log } from './log.js'
import { assertSupportedVersion, UnsupportedPostgresError } from './server-version.js'
import { asUnavailable } from './sqlstate.js'

const HOW_TO = 'see "Through a connection pooler" in docs/OPERATIONS.md'

/**
 * Throws an `UnsupportedPostgresError` if the server is too old or a pooler refuses our connections. Warns if the
 * settings do not reach the server: then nothing there bounds a statement or a wait for a lock. Throws a
 * `StoreUnavailableError` if the server is unavailable.
 */
export async function checkServer(connectionString: string, log: Log): Promise<void> {
  const client = await connect(connectionString)
  try {
    await assertSupportedVersion(client, log)
    await warnOfMissingSettings(client, log)
  } catch (error) {
    throw error instanceof UnsupportedPostgresError ? error : asUnavailable(error)
  } finally {
    await client.end().catch(() => {}) // a lost connection has already failed the call
  }
}

async function connect(connectionString: string): Promise<Client> {
  const options = { options: startupOptions(COMMIT_SETTINGS), application_name: 'loadcast start' }
  try {
    return await createDatabase(connectionString).connect(options)
  } catch (error) {
    throw isRefusedParameter(error as Error) ? refusedBy(error as Error) : asUnavailable(error)
  }
}

/** PgBouncer's message for a startup parameter that it does not ignore, and RDS Proxy's for `options`. */
const isRefusedParameter = (error: Error) =>
  /unsupported startup parameter|support command-line options/i.test(error.message)

function refusedBy(cause: Error): UnsupportedPostgresError {
  return new UnsupportedPostgresError(
    `The connection pooler at DATABASE_URL refuses our connections (${cause.message}). In PgBouncer set ignore_startup_parameters = options; for RDS Proxy end DATABASE_URL with ?options= . Set the settings on the database instead: ${HOW_TO}.`,
    { cause },
  )
}

async function warnOfMissingSettings(client: Client, log: Log): Promise<void> {
  const { rows } = await client.query<{ name: string; setting: string; database: string }>(
    'select name, setting, current_database() as database from pg_settings where name = any($1)',
    [Object.keys(COMMIT_SETTINGS)],
  )
  const settings: Readonly<Record<string, string>> = COMMIT_SETTINGS
  const missing = rows.filter(({ name, setting }) => !isAsGood(setting, settings[name] ?? setting))
  if (missing.length === 0) return
  const statements = missing.map(
    ({ name, database }) =>
      `alter database ${pg.escapeIdentifier(database)} set ${name} = '${settings[name]}'`,
  )
  log.warn(
    `Settings of our connections do not reach the database: a connection pooler drops them. Run ${statements.join('; ')} and restart the pooler: ${HOW_TO}.`,
  )
}

/** Whether an operator's limit is at least as strict as ours; 0 means no limit. */
function isAsGood(setting: string, wanted: string): boolean {
  if (!/^\d+$/.test(wanted)) return setting === wanted
  return Number(setting) > 0 && Number(setting) <= Number(wanted)
}
