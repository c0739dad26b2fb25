import type pg from 'pg'
import { CLIENT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from './bounded-pool.js'
import { type Database, databaseOf } from './connection/database.js'

/** Two commits on the wire, and one to spare while a lost connection is replaced. */
const COMMIT_CONNECTIONS = 3
/** Waiting longer for another's row lock gains nothing: the guard would fail, or the other is stuck. */
const LOCK_TIMEOUT_MS = 250

/**
 * Connections for commits and the engine's other hot statements. A plan that was made while tables were empty
 * would stay a sequential scan (16.7 ms instead of 0.6 at 60,000 rows): sequential scans are off here.
 */
export function createCommitPool(target: string | Database): pg.Pool {
  return databaseOf(target).openPool({
    max: COMMIT_CONNECTIONS,
    query_timeout: CLIENT_TIMEOUT_MS,
    options: [
      '-c enable_seqscan=off',
      '-c jit=off',
      `-c lock_timeout=${LOCK_TIMEOUT_MS}`,
      `-c statement_timeout=${STATEMENT_TIMEOUT_MS}`,
    ].join(' '),
    application_name: 'loadcast engine',
  })
}
