import type pg from 'pg'
import { CLIENT_TIMEOUT_MS, IDLE_IN_TRANSACTION_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from './bounded-pool.js'
import { type Database, databaseOf } from './database.js'

/** Two connections for commits on the wire, and one spare while a lost connection is replaced. */
const COMMIT_CONNECTIONS = 3
/** A longer wait for a row lock gains nothing: the version check would then fail, or the other transaction is stuck. */
const LOCK_TIMEOUT_MS = 250

/**
 * Server settings of commit connections. Sequential scans are off, since a plan made on empty tables would keep one
 * (16.7 ms instead of 0.6 at 60,000 rows).
 */
export const COMMIT_SETTINGS = {
  enable_seqscan: 'off',
  jit: 'off',
  lock_timeout: `${LOCK_TIMEOUT_MS}`,
  statement_timeout: `${STATEMENT_TIMEOUT_MS}`,
  idle_in_transaction_session_timeout: `${IDLE_IN_TRANSACTION_TIMEOUT_MS}`,
} as const

/** The settings as the startup parameter `options` of a connection. */
export const startupOptions = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ')

/** Connections for commits and the engine's other hot statements. */
export function createCommitPool(target: string | Database): pg.Pool {
  return databaseOf(target).openPool({
    max: COMMIT_CONNECTIONS,
    query_timeout: CLIENT_TIMEOUT_MS,
    options: startupOptions(COMMIT_SETTINGS),
    application_name: 'loadcast engine',
  })
}
