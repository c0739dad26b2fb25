/* The runtime's store on Postgres: instances, journal, timers and outbox. */
import type { Logger } from 'pino'
import type { Faults } from '../../runtime/faults.js'
import type { Store } from '../../runtime/ports.js'
import { createCommit } from './commit.js'
import { createCommitPool } from './commit-pool.js'
import { loadHistory, loadInstances } from './instances.js'
import { createOutbox } from './outbox.js'
import { orUnavailable } from './sqlstate.js'
import { createTimers } from './timers.js'

export interface PostgresStoreOptions {
  readonly connectionString: string
  readonly log?: Logger
  /** For tests: see runtime/faults.ts. */
  readonly faults?: Faults
}

export interface PostgresStore extends Store {
  /** Connections, and callers that wait for one. */
  poolState(): { readonly idle: number; readonly total: number; readonly waiting: number }
}

/** Opens no connection until it is used. The schema must have been migrated (`migrate`). */
export function createPostgresStore({ connectionString, log, faults }: PostgresStoreOptions): PostgresStore {
  const pool = createCommitPool(connectionString)
  // An idle connection that the server ends is replaced at its next use.
  pool.on('error', error => log?.warn({ err: error }, 'an idle database connection was lost'))

  return {
    async now() {
      const { rows } = await pool.query<{ now: number }>(
        'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
      )
      return rows[0]?.now ?? Number.NaN
    },
    load: ids => orUnavailable(loadInstances(pool, ids)),
    commit: createCommit(pool, faults),
    history: (id, after, limit) => orUnavailable(loadHistory(pool, id, after, limit)),
    ...createTimers(pool),
    ...createOutbox(pool),
    poolState: () => ({ idle: pool.idleCount, total: pool.totalCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  }
}
