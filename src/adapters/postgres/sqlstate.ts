/*
 * What is to be done about an error of the database, by its SQLSTATE (Postgres documentation, appendix A). Whole classes
 * are judged, so that a new code is judged as well: only what our own statements cause is a defect.
 */
import pg from 'pg'
import { StoreUnavailableError } from '../../runtime/errors.js'

/**
 * `again`: surely not applied, and likely to go through when sent again.
 * `away`: the connection or server failed; whether a statement was applied is not known. Another try may find a good one.
 * `refused`: surely not applied; the server cannot do it for now (a full disk), and not in a moment either.
 * `unstorable`: not this data. Where several rows went together, those without it can be stored.
 * `broken`: a defect of ours.
 */
export type Failure = 'again' | 'away' | 'refused' | 'unstorable' | 'broken'

/** Codes that differ from their class. */
const CODES: Readonly<Record<string, Failure>> = {
  '23505': 'again', // unique_violation: a claim taken in the same instant; the next look at the claims sees whose it is
  '26000': 'again', // invalid_sql_statement_name: a pooler gave us a session that has not prepared it
  '42P05': 'again', // duplicate_prepared_statement: likewise
  '40003': 'away', // statement_completion_unknown
  '42501': 'refused', // insufficient_privilege: what we send has not changed, what the role may do has
  '53300': 'away', // too_many_connections: others may let theirs go
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

/** What the language throws is ours; the driver's and the network's errors are plain ones. */
const PROGRAMMING_ERRORS: ReadonlySet<unknown> = new Set([
  'TypeError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
])
const isProgrammingError = (error: unknown) =>
  typeof error !== 'object' || error === null || PROGRAMMING_ERRORS.has((error as Error).name)

/** "cached plan must not change result type": a migration has changed a table; on a new connection it is planned anew. */
const isStalePlan = ({ code, routine }: pg.DatabaseError) =>
  code === '0A000' && routine === 'RevalidateCachedQuery'

/** Codes of the network's errors may look like a SQLSTATE (EPIPE): only the server's are looked at. */
export function failureOf(error: unknown): Failure {
  if (error instanceof StoreUnavailableError) return error.isLasting ? 'refused' : 'away'
  if (!(error instanceof pg.DatabaseError)) return isProgrammingError(error) ? 'broken' : 'away'
  if (isStalePlan(error)) return 'again'
  const code = error.code ?? ''
  // A class that is not in the documentation is a pooler's or a proxy's.
  return CODES[code] ?? CLASSES[code.slice(0, 2)] ?? 'away'
}

const codeOf = (error: unknown) => (error as { code?: unknown }).code

/** The server's code, also of an error that a pool has marked as unavailable. */
export const sqlstateOf = (error: unknown): unknown =>
  codeOf(error instanceof StoreUnavailableError ? error.cause : error)

/** A lock that others hold did not come within `lock_timeout`. */
export const isLockTimeout = (error: unknown) => codeOf(error) === '55P03'

/** The server takes no writes: it was demoted, or was a standby all along. */
export const isReadOnly = (error: unknown) => codeOf(error) === '25006'

/** A value that is too big for the server's limits, though not for ours: nothing that a client sends is our defect. */
export const isBeyondLimits = (error: unknown) =>
  error instanceof pg.DatabaseError && error.code?.startsWith('54') === true

/** What failed may be sent again as it is; the caller decides how often. */
export const isWorthRepeating = (error: unknown) => failureOf(error) === 'again' && codeOf(error) !== '23505'

/** Marks what is the server's or the network's fault, so that callers can tell it from a defect. */
export async function markUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const failure = failureOf(error)
    if (error instanceof StoreUnavailableError || (failure !== 'away' && failure !== 'refused')) throw error
    throw new StoreUnavailableError(error, { isLasting: failure === 'refused' })
  }
}

/** The same for callers that repeat and divide nothing: for them a lock that did not come is an absence, too. */
export async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await markUnavailable(work)
  } catch (error) {
    if (isBeyondLimits(error)) throw new StoreUnavailableError(error, { isLasting: true })
    throw isWorthRepeating(error) ? new StoreUnavailableError(error) : error
  }
}
