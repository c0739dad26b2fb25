/*
 * Asked once at the start: is the server one that this release runs on, and do connections get the settings that they
 * ask for? A pooler may refuse the startup parameter that carries them, or drop it without a word.
 */
import pg from 'pg'
import { COMMIT_SETTINGS, startupOptions } from './commit-pool.js'
import type { Client } from './connection/client.js'
import { createDatabase } from './connection/database.js'
import type { Log } from './log.js'
import { assertSupportedVersion, UnsupportedPostgresError } from './server-version.js'
import { orUnavailable } from './sqlstate.js'

const HOW_TO = 'see "Through a connection pooler" in docs/OPERATIONS.md'

/**
 * Throws an `UnsupportedPostgresError` if the server is too old or a pooler refuses our connections. Warns if the
 * settings do not reach the server: then nothing bounds how long a statement or a wait for a lock takes there. Throws a
 * `StoreUnavailableError` if the server is not to be had.
 */
export async function checkServer(connectionString: string, log: Log): Promise<void> {
  const client = await connect(connectionString)
  try {
    await assertSupportedVersion(client, log)
    await warnOfMissingSettings(client, log)
  } catch (error) {
    throw error instanceof UnsupportedPostgresError ? error : await unavailable(error)
  } finally {
    await client.end().catch(() => {}) // it was lost, and the call has failed with that
  }
}

async function connect(connectionString: string): Promise<Client> {
  const options = { options: startupOptions(COMMIT_SETTINGS), application_name: 'loadcast start' }
  try {
    return await createDatabase(connectionString).connect(options)
  } catch (error) {
    throw isRefusedParameter(error as Error) ? refusedBy(error as Error) : await unavailable(error)
  }
}

/** The error as callers tell it apart: the world's fault, or ours. */
const unavailable = (error: unknown): Promise<unknown> =>
  orUnavailable(Promise.reject(error)).catch(marked => marked)

/** PgBouncer's words for a startup parameter that it is not told to ignore, and RDS Proxy's for `options`. */
const isRefusedParameter = (error: Error) =>
  /unsupported startup parameter|support command-line options/i.test(error.message)

function refusedBy(cause: Error): UnsupportedPostgresError {
  return new UnsupportedPostgresError(
    `The connection pooler at DATABASE_URL refuses our connections (${cause.message}). In PgBouncer set ignore_startup_parameters = options; for RDS Proxy end DATABASE_URL with ?options= . Give the database the settings instead: ${HOW_TO}.`,
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

/** A limit of the operator's may be stricter than ours; 0 is none. */
function isAsGood(setting: string, wanted: string): boolean {
  if (!/^\d+$/.test(wanted)) return setting === wanted
  return Number(setting) > 0 && Number(setting) <= Number(wanted)
}
