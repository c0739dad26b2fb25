/*
 * Asked once at the start: is the server one that this release runs on, and do connections get the settings that they
 * ask for? A pooler may refuse the startup parameter that carries them, or drop it without a word.
 */
import pg from 'pg'
import { CONNECT_TIMEOUT_MS } from './bounded-pool.js'
import { COMMIT_SETTINGS, startupOptions } from './commit-pool.js'
import type { Log } from './log.js'
import { assertSupportedVersion, UnsupportedPostgresError } from './server-version.js'

const HOW_TO = 'see "Through a connection pooler" in docs/OPERATIONS.md'

/**
 * Throws an `UnsupportedPostgresError` if the server is too old or a pooler refuses our connections. Warns if the
 * settings do not reach the server: then nothing bounds how long a statement or a wait for a lock takes there.
 */
export async function checkServer(connectionString: string, log: Log): Promise<void> {
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    options: startupOptions(COMMIT_SETTINGS),
    application_name: 'loadcast start',
  })
  client.on('error', () => {}) // the call under way fails with it
  try {
    await client.connect().catch(error => {
      throw isRefusedParameter(error) ? refusedBy(error) : error
    })
    await assertSupportedVersion(client, log)
    await warnOfMissingSettings(client, log)
  } finally {
    await client.end().catch(() => {}) // it was lost, and the call has failed with that
  }
}

/** PgBouncer's words for a startup parameter that it is not told to ignore, and RDS Proxy's for `options`. */
const isRefusedParameter = (error: Error) =>
  /unsupported startup parameter|support command-line options/i.test(error.message)

function refusedBy(cause: Error): UnsupportedPostgresError {
  return new UnsupportedPostgresError(
    `The connection pooler at DATABASE_URL refuses our connections (${cause.message}). In PgBouncer set ignore_startup_parameters = options; for RDS Proxy end DATABASE_URL with ?options= . Give the database the settings instead: ${HOW_TO}.`,
    { cause },
  )
}

async function warnOfMissingSettings(client: pg.Client, log: Log): Promise<void> {
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
