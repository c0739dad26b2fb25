/*
 * Decides by SQLSTATE how to handle a database error (Postgres documentation, appendix A). Whole classes are judged, so
 * that new codes are covered. Only errors that our own statements cause are defects.
 */
import pg from 'pg'
import { StoreUnavailableError } from '../../../runtime/errors.js'

/**
 * `again`: not applied, and likely to succeed when retried.
 * `away`: the connection or server failed; the statement may or may not be applied. A retry may reach a good server.
 * `refused`: not applied; the server cannot do it for now (a full disk), and an immediate retry would fail too.
 * `unstorable`: this data cannot be stored. The other rows of the same batch can.
 * `broken`: a defect of ours.
 */
export type Failure = 'again' | 'away' | 'refused' | 'unstorable' | 'broken'

/** Codes that differ from their class. */
const CODES: Readonly<Record<string, Failure>> = {
  '23505': 'again', // unique_violation: a claim taken in the same instant; the retry sees its owner
  '26000': 'again', // invalid_sql_statement_name: a pooler gave us a session without the prepared statement
  '42P05': 'again', // duplicate_prepared_statement: likewise
  '40003': 'away', // statement_completion_unknown
  '42501': 'refused', // insufficient_privilege: the role's privileges have changed, not our statements
  '53300': 'away', // too_many_connections: others may close theirs
  '55006': 'again', // object_in_use
  '55P03': 'again', // lock_not_available: lock_timeout
  '72000': 'again', // snapshot_too_old
}

const CLASSES: Readonly<Record<string, Failure>> = {
  '03': 'broken', // statement not yet complete
  '08': 'away', // connection; PgBouncer's own errors too
  '0A': 'broken', // feature not supported
  '0B': 'broken',
  '0F': 'broken',
  '0L': 'broken',
  '0P': 'broken',
  '0Z': 'broken',
  '20': 'broken',
  '21': 'broken', // cardinality
  '22': 'unstorable', // data
  '23': 'broken', // constraint
  '24': 'broken',
  '25': 'away', // transaction state: read-only, or ended by a limit of the server's; our statements cause none
  '26': 'broken',
  '27': 'broken',
  '28': 'away', // authorization: a password that is being rotated, a rule of pg_hba.conf
  '2B': 'broken',
  '2D': 'broken',
  '2F': 'broken',
  '34': 'broken',
  '38': 'broken',
  '39': 'broken',
  '3B': 'broken',
  '3D': 'away', // database not there: being restored or renamed
  '3F': 'broken',
  '40': 'again', // rolled back: serialization, deadlock
  '42': 'broken', // syntax, names
  '44': 'broken',
  '53': 'refused', // resources: disk, memory, temporary files
  '54': 'unstorable', // limits of the program: a row or an expression that is too big for it
  '55': 'away', // not in the state for it: takes no connections for now
  '57': 'away', // operator: shutdown, cancelled by statement_timeout, database dropped
  '58': 'refused', // the system beneath: input and output
  F0: 'refused', // its configuration file
  HV: 'broken',
  P0: 'broken',
  XX: 'refused', // internal: damaged data or index
}

/** Errors thrown by the language are our defects; the driver and the network use plain `Error`s. */
const PROGRAMMING_ERRORS: ReadonlySet<unknown> = new Set([
  'TypeError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
])
const isProgrammingError = (error: unknown) =>
  typeof error !== 'object' || error === null || PROGRAMMING_ERRORS.has((error as Error).name)

/**
 * "cached plan must not change result type": a migration changed a table. A new connection plans the statement anew.
 */
const isStalePlan = ({ code, routine }: pg.DatabaseError) =>
  code === '0A000' && routine === 'RevalidateCachedQuery'

/** Network error codes may look like a SQLSTATE (EPIPE), so only the server's errors are judged by code. */
export function failureOf(error: unknown): Failure {
  if (error instanceof StoreUnavailableError) return error.isLasting ? 'refused' : 'away'
  if (!(error instanceof pg.DatabaseError)) return isProgrammingError(error) ? 'broken' : 'away'
  if (isStalePlan(error)) return 'again'
  const code = error.code ?? ''
  // An undocumented class comes from a pooler or a proxy.
  return CODES[code] ?? CLASSES[code.slice(0, 2)] ?? 'away'
}

const codeOf = (error: unknown) => (error as { code?: unknown }).code

/** The server's code, also of an error that a pool has marked as unavailable. */
export const sqlstateOf = (error: unknown): unknown =>
  codeOf(error instanceof StoreUnavailableError ? error.cause : error)

/** Another transaction held the lock for longer than `lock_timeout`. */
export const isLockTimeout = (error: unknown) => codeOf(error) === '55P03'

/** The server refuses writes: it was demoted, or always was a standby. */
export const isReadOnly = (error: unknown) => codeOf(error) === '25006'

/** A value exceeds the server's limits but not ours. A client's input must never count as our defect. */
export const isBeyondLimits = (error: unknown) =>
  error instanceof pg.DatabaseError && error.code?.startsWith('54') === true

/** The statement may be retried unchanged; the caller decides how often. */
export const isWorthRepeating = (error: unknown) => failureOf(error) === 'again' && codeOf(error) !== '23505'

/** Marks faults of the server or the network, so that callers can tell them from defects. */
export async function markUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw marked(error)
  }
}

function marked(error: unknown): unknown {
  const failure = failureOf(error)
  if (error instanceof StoreUnavailableError || (failure !== 'away' && failure !== 'refused')) return error
  return new StoreUnavailableError(error, { isLasting: failure === 'refused' })
}

/** Like `markUnavailable`, for callers that neither retry nor split. A refused lock counts as unavailability too. */
export async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw asUnavailable(error)
  }
}

/** The error that `orUnavailable` rejects with. */
export function asUnavailable(error: unknown): unknown {
  if (isBeyondLimits(error)) return new StoreUnavailableError(error, { isLasting: true })
  return isWorthRepeating(error) ? new StoreUnavailableError(error) : marked(error)
}
