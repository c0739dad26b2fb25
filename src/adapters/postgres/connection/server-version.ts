/* The supported versions of Postgres. Every statement uses only what the oldest one has. */
import type pg from 'pg'
import type { Log } from './log.js'

/** Postgres 14 gets no fixes after November 2026, and no test runs on it. */
const OLDEST_MAJOR = 15
/** The newest version that tests run on. A newer one is likely to work, since Postgres seldom breaks existing features. */
const NEWEST_TESTED_MAJOR = 18

export const SUPPORTED_VERSIONS = `${OLDEST_MAJOR} to ${NEWEST_TESTED_MAJOR}`

/** The server, or a pooler in front of it, cannot be used; the message is a sentence for the operator. */
export class UnsupportedPostgresError extends Error {
  override readonly name = 'UnsupportedPostgresError'
}

/** Throws an `UnsupportedPostgresError` on a server that is too old. Logs a warning for one newer than any tested. */
export async function assertSupportedVersion(client: Pick<pg.ClientBase, 'query'>, log: Log): Promise<void> {
  const { rows } = await client.query<{ number: number; version: string }>(
    `select current_setting('server_version_num')::integer as number, current_setting('server_version') as version`,
  )
  const { number = 0, version = 'of an unknown version' } = rows[0] ?? {}
  const major = Math.floor(number / 10_000)
  if (major < OLDEST_MAJOR) {
    throw new UnsupportedPostgresError(
      `The database is Postgres ${version}; this release runs on Postgres ${SUPPORTED_VERSIONS}. Upgrade the database server, or set DATABASE_URL to a newer one.`,
    )
  }
  if (major > NEWEST_TESTED_MAJOR) {
    log.warn(
      `The database is Postgres ${version}; this release was tested on Postgres ${SUPPORTED_VERSIONS}. Continuing.`,
    )
  }
}
