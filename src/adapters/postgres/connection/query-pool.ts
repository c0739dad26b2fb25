/* Connections for reads. Commits and the engine's other statements have their own (commit-pool.ts). */
import type pg from 'pg'
import { CLIENT_TIMEOUT_MS, IDLE_IN_TRANSACTION_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from './bounded-pool.js'
import { type Database, databaseOf, type PoolOptions } from './database.js'
import type { DatabaseLog } from './shared-state.js'

/** For lists and changes of the fleet. */
const QUERY_CONNECTIONS = 8
/**
 * Reads are batched, so each kind has at most two statements in progress; offers have one for each request that reaches
 * further. Six connections keep two cores busy.
 */
const LOOKUP_CONNECTIONS = 6

const LIMITS = [
  `statement_timeout=${STATEMENT_TIMEOUT_MS}`,
  `idle_in_transaction_session_timeout=${IDLE_IN_TRANSACTION_TIMEOUT_MS}`,
]

/** These statements take some milliseconds on one core. Compiling them or starting workers would take longer. */
const QUERY_SETTINGS = ['jit=off', 'max_parallel_workers_per_gather=0']

/**
 * Look-ups by keys, which are planned once for each connection because planning takes three times as long as running.
 * Such a plan is made without the keys, maybe while tables are empty, and is kept. So these settings leave only one
 * plan: an index for each table, row by row.
 */
const LOOKUP_SETTINGS = [
  ...QUERY_SETTINGS,
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'enable_material=off',
]

/** One for the write, which may hang, one for the other checks, and one spare. */
const HEALTH_CONNECTIONS = 3

/** For `/health`. It must also reach a server that other pools refuse, to report what is wrong with it. */
export function createHealthPool(database: Database): pg.Pool {
  return createPool(database, HEALTH_CONNECTIONS, QUERY_SETTINGS, { mayBeReadOnly: true })
}

/** Shares a `Database` with other pools. A connection string makes a database for this pool alone. */
export function createQueryPool(target: string | Database, log: DatabaseLog): pg.Pool {
  return createPool(databaseOf(target, log), QUERY_CONNECTIONS, QUERY_SETTINGS)
}

/** Only for a `LookUp` (query.ts). */
export function createLookupPool(target: string | Database, log: DatabaseLog): pg.Pool {
  return createPool(databaseOf(target, log), LOOKUP_CONNECTIONS, LOOKUP_SETTINGS)
}

function createPool(
  database: Database,
  max: number,
  settings: readonly string[],
  more: Pick<PoolOptions, 'mayBeReadOnly'> = {},
): pg.Pool {
  return database.openPool({
    ...more,
    max,
    query_timeout: CLIENT_TIMEOUT_MS,
    options: [...settings, ...LIMITS].map(one => `-c ${one}`).join(' '),
    application_name: 'loadcast',
  })
}
