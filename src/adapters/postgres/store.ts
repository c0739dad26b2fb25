/* The runtime's store on Postgres: instances, journal, timers and outbox. */
import type { Logger } from 'pino'
import type { Faults } from '../../runtime/faults.js'
import type { Store } from '../../runtime/ports.js'
import { createCommit } from './commit.js'
import { createCommitPool } from './commit-pool.js'
import { createDatabase, type Database } from './connection/database.js'
import { createDeadTimers } from './dead-timers.js'
import { loadHistory, loadInstances, loadUsedKeys } from './instances.js'
import { createOutbox } from './outbox.js'
import { createPosition } from './position.js'
import { createProcesses } from './processes.js'
import { orUnavailable } from './sqlstate.js'
import { createTimerCheck } from './timer-check.js'
import { createTimers } from './timers.js'

export interface PostgresStoreOptions {
  readonly connectionString: string
  /** The database of `connectionString`, if other parts of the process share it. */
  readonly database?: Database
  readonly log?: Logger
  /** For tests: see runtime/faults.ts. */
  readonly faults?: Faults
}

export interface PostgresStore extends Store {
  /** Connections, and callers that wait for one. */
  poolState(): { readonly idle: number; readonly total: number; readonly waiting: number }
}

/** Commits a message after everything that it can see in the log, so it waits for the same synchronous standby. */
const CONFIRM_DURABLE = `select pg_logical_emit_message(true, 'loadcast', 'confirm')`

/** Opens no connection until it is used. The schema must have been migrated (`migrate`). */
export function createPostgresStore(options: PostgresStoreOptions): PostgresStore {
  const { connectionString, log, faults } = options
  const pool = createCommitPool(options.database ?? createDatabase(connectionString, log))
  const { releaseTimers, ...timers } = createTimers(pool)
  const { releaseDeliveries, deadDeliveries, redriveDelivery, dropDelivery, ...outbox } = createOutbox(pool)
  const { postponeTimer, buryTimer, ...deadTimers } = createDeadTimers(pool)
  const { announceProcess, forgetProcess } = createProcesses(pool)

  return {
    async now() {
      const { rows } = await pool.query<{ now: number }>(
        'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
      )
      return rows[0]?.now ?? Number.NaN
    },
    load: ids => orUnavailable(loadInstances(pool, ids)),
    commit: createCommit(pool, faults),
    async confirmDurable() {
      await orUnavailable(pool.query(CONFIRM_DURABLE))
    },
    history: (id, after, limit) => orUnavailable(loadHistory(pool, id, after, limit)),
    usedKeys: keys => orUnavailable(loadUsedKeys(pool, keys)),
    ...timers,
    ...createTimerCheck(pool),
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
    announceProcess: (process, leaseMs) => orUnavailable(announceProcess(process, leaseMs)),
    forgetProcess,
    async release({ timers, deliveries }) {
      // One after the other is late for the second when the first is; both at once when the database is slow.
      await Promise.all([
        timers.length === 0 ? undefined : releaseTimers(timers),
        deliveries.length === 0 ? undefined : releaseDeliveries(deliveries),
      ])
    },
    poolState: () => ({ idle: pool.idleCount, total: pool.totalCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  }
}
