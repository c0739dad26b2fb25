/* The database of an app: pools of connections, and the stores on them. */
import type pg from 'pg'
import type { Logger } from 'pino'
import { createDatabase } from '../adapters/postgres/connection/database.js'
import {
  createHealthPool,
  createLookupPool,
  createQueryPool,
} from '../adapters/postgres/connection/query-pool.js'
import { Peers } from '../adapters/postgres/engine/peers.js'
import { createPostgresStore } from '../adapters/postgres/engine/store.js'
import { createWakeups } from '../adapters/postgres/engine/wakeups.js'
import { createAdminStore } from '../adapters/postgres/product/admin-store.js'
import { createAnswerStore } from '../adapters/postgres/product/answer-store.js'
import { createDeviceStore } from '../adapters/postgres/product/device-store.js'
import { createFleetStore } from '../adapters/postgres/product/fleet-store.js'
import { createPushQueue } from '../adapters/postgres/product/push-queue.js'
import { createReadStore } from '../adapters/postgres/product/read-store.js'
import { createRecipientStore } from '../adapters/postgres/product/recipient-store.js'
import { createResumeStore } from '../adapters/postgres/product/resume-store.js'
import type { Faults } from '../runtime/faults.js'
import { defined } from '../types/defined.js'

interface PostgresOptions {
  /** The database must be migrated. */
  readonly connectionString: string
  readonly log: Logger
  readonly faults?: Faults
}

/** Opens the pools of connections and the stores of the runtime. A pool connects when it is first used. */
export function openPostgres({ connectionString, log, faults }: PostgresOptions) {
  const database = createDatabase(connectionString, log)
  const pool = createQueryPool(database, log)
  const lookups = createLookupPool(database, log)
  const healthPool = createHealthPool(database)
  const peers = new Peers()
  const store = createPostgresStore({ connectionString, database, peers, log, ...defined({ faults }) })
  const wakeups = createWakeups({ connectionString, database, log })
  return {
    database,
    pool,
    lookups,
    healthPool,
    peers,
    store,
    wakeups,
    poolStates: () => ({ query: stateOf(pool), lookup: stateOf(lookups), commit: store.poolState() }),
    async close() {
      await Promise.all([store.close(), wakeups.close(), pool.end(), lookups.end(), healthPool.end()])
    },
  }
}

/** Makes the stores of the product. */
export function productStores({ pool, lookups }: ReturnType<typeof openPostgres>) {
  return {
    fleet: createFleetStore(pool, lookups),
    admin: createAdminStore(pool),
    answers: createAnswerStore(pool),
    recipients: createRecipientStore(pool, lookups),
    reads: createReadStore(pool, lookups),
    resume: createResumeStore(pool),
    devices: createDeviceStore(pool),
    pushes: createPushQueue(pool),
  }
}

const stateOf = ({ idleCount, totalCount, waitingCount }: pg.Pool) => ({
  idle: idleCount,
  total: totalCount,
  waiting: waitingCount,
})
