/* Connections for what is asked; commits and the engine's other statements have their own (commit-pool.ts). */
import type pg from 'pg'
import { CLIENT_TIMEOUT_MS, IDLE_IN_TRANSACTION_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from './bounded-pool.js'
import { type Database, databaseOf, type PoolOptions } from './database.js'
import type { DatabaseLog } from './shared-state.js'

/** Lists and changes of the fleet. */
const QUERY_CONNECTIONS = 8
/**
 * Each kind of read has two statements under way at most, since they gather; offers have as many as there are requests that
 * reach further. Six are as many as two cores are busy with.
 */
const LOOKUP_CONNECTIONS = 6

const LIMITS = [
  `statement_timeout=${STATEMENT_TIMEOUT_MS}`,
  `idle_in_transaction_session_timeout=${IDLE_IN_TRANSACTION_TIMEOUT_MS}`,
]

/** What is asked here takes some milliseconds of one core: compiling it or starting workers for it takes longer. */
const QUERY_SETTINGS = ['jit=off', 'max_parallel_workers_per_gather=0']

/**
 * Statements that find rows by keys, each planned once for a connection: to plan one takes three times as long as to run it.
 * Such a plan is made without knowing the keys, maybe while tables are empty, and stays: so there is but one way to make it, an
 * index for each table, row by row.
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

/** For `/health`, which must reach a server that other pools refuse, in order to report what is wrong with it. */
export function createHealthPool(database: Database): pg.Pool {
  return createPool(database, HEALTH_CONNECTIONS, QUERY_SETTINGS, { mayBeReadOnly: true })
}

/** A `Database` is shared with other pools; a plain connection string makes one for this pool alone. */
export function createQueryPool(target: string | Database, log: DatabaseLog): pg.Pool {
  return createPool(databaseOf(target, log), QUERY_CONNECTIONS, QUERY_SETTINGS)
}

/** For a `LookUp` (query.ts) alone. */
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
