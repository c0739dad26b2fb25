/*
 * What is to be done about an error of the database, by its SQLSTATE (Postgres documentation, appendix A).
 * `again`: surely not applied, and likely to go through when sent again. `unstorable`: this data never will.
 * `away`: the connection or server failed; whether a statement was applied is not known.
 */
import pg from 'pg'
import { StoreUnavailableError } from '../../runtime/errors.js'

export type Failure = 'again' | 'unstorable' | 'away' | 'broken'

const AGAIN = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '55P03', // lock_not_available: lock_timeout
  '23505', // unique_violation: a claim taken in the same instant; the next look at the claims sees whose it is
])

const AWAY = new Set([
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout: it ended the connection as the statement came
  '57014', // query_canceled: statement_timeout
  '55000', // object_not_in_prerequisite_state: the database takes no connections for now
  '53300', // too_many_connections
  '25006', // read_only_sql_transaction: we are still talking to the former primary
])

/** A lock that others hold did not come within `lock_timeout`. */
export const isLockTimeout = (error: unknown) => (error as { code?: unknown }).code === '55P03'

export function failureOf(error: unknown): Failure {
  // Not the server's: the client's or the network's, whose codes may look like a SQLSTATE (EPIPE).
  if (!(error instanceof pg.DatabaseError)) return 'away'
  const code = error.code ?? ''
  if (AGAIN.has(code)) return 'again'
  if (code.startsWith('22')) return 'unstorable'
  if (AWAY.has(code) || code.startsWith('08')) return 'away'
  return 'broken'
}

/** Marks a lost connection or server as such, so that callers can tell it from a defect. */
export async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw failureOf(error) === 'away' ? new StoreUnavailableError(error) : error
  }
}
