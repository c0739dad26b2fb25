/* The runtime's store on Postgres: instances, journal, timers and outbox. */
import type { Logger } from 'pino'
import type { Faults } from '../../../runtime/faults.js'
import type { Store } from '../../../runtime/ports.js'
import { createCommitPool } from '../connection/commit-pool.js'
import { createDatabase, type Database } from '../connection/database.js'
import { DEFAULT_SCHEMA, inSchema } from '../connection/engine-schema.js'
import { orUnavailable } from '../connection/sqlstate.js'
import { createCommit } from './commit.js'
import { createDeadTimers } from './dead-timers.js'
import { loadHistory, loadInstances, loadUsedKeys } from './instances.js'
import { createJournalMonths } from './journal-months.js'
import { createOutbox } from './outbox.js'
import { Peers } from './peers.js'
import { createPosition } from './position.js'
import { createProcesses } from './processes.js'
import { createStorageFormat } from './storage-format.js'
import { createTimerCheck } from './timer-check.js'
import { createTimers } from './timers.js'

export interface PostgresStoreOptions {
  readonly connectionString: string
  /** The database of `connectionString`, if other parts of the process share it. */
  readonly database?: Database
  readonly log?: Logger
  /** The schema in which `migrate` created the engine's tables. Defaults to `loadcast`. */
  readonly schema?: string
  /** Is told with each announcement which releases the other processes run. */
  readonly peers?: Peers
  /** For tests: see runtime/faults.ts. */
  readonly faults?: Faults
}

export interface PostgresStore extends Store {
  /** The number of connections, and of callers waiting for one. */
  poolState(): { readonly idle: number; readonly total: number; readonly waiting: number }
}

/** Commits a message after everything it can see in the log, so it waits for the same synchronous standby. */
const CONFIRM_DURABLE = `select pg_logical_emit_message(true, 'loadcast', 'confirm')`

/** Creates a store. It connects at its first use. The schema must have been migrated (`migrate`). */
export function createPostgresStore(options: PostgresStoreOptions): PostgresStore {
  const { connectionString, log, faults } = options
  const pool = createCommitPool(options.database ?? createDatabase(connectionString, log))
  const tables = inSchema(pool, options.schema ?? DEFAULT_SCHEMA)
  const formats = createStorageFormat()
  const months = createJournalMonths(tables, error =>
    log?.warn({ err: error }, 'could not create the next months of the journal; retrying in a minute'),
  )
  const { releaseTimers, ...timers } = createTimers(tables, formats)
  const { releaseDeliveries, deadDeliveries, redriveDelivery, dropDelivery, ...outbox } = createOutbox(tables)
  const { postponeTimer, buryTimer, ...deadTimers } = createDeadTimers(tables)
  const { announceProcess, forgetProcess } = createProcesses(tables, formats, options.peers ?? new Peers())

  return {
    async now() {
      const { rows } = await pool.query<{ now: number }>(
        'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
      )
      return rows[0]?.now ?? Number.NaN
    },
    load: ids => orUnavailable(loadInstances(tables, ids)),
    commit: createCommit(tables, formats, months, faults),
    async confirmDurable() {
      await orUnavailable(pool.query(CONFIRM_DURABLE))
    },
    history: (id, after, limit) => orUnavailable(loadHistory(tables, id, after, limit)),
    usedKeys: keys => orUnavailable(loadUsedKeys(tables, keys)),
    ...timers,
    ...createTimerCheck(tables),
    ...createPosition(pool),
    ...outbox,
    postponeTimer,
    buryTimer,
    async deadLetters(before, limit) {
      const pages = await Promise.all([deadDeliveries(before, limit), deadTimers.list(before, limit)])
      return pages
        .flat()
        .sort((a, b) => b.id - a.id)
        .slice(0, limit)
    },
    // No two dead letters have the same id.
    redrive: async id => (await deadTimers.redrive(id)) || redriveDelivery(id),
    drop: async id => (await deadTimers.drop(id)) || dropDelivery(id),
    async announceProcess(process, leaseMs) {
      const versions = await orUnavailable(announceProcess(process, leaseMs))
      months.keep()
      return versions
    },
    forgetProcess,
    async release({ timers, deliveries }) {
      // In parallel: on a slow database the second would otherwise be late.
      await Promise.all([
        timers.length === 0 ? undefined : releaseTimers(timers),
        deliveries.length === 0 ? undefined : releaseDeliveries(deliveries),
      ])
    },
    poolState: () => ({ idle: pool.idleCount, total: pool.totalCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  }
}
