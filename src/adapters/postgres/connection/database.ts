/*
 * One database, shared by all pools and single connections of a process. When the server refuses a write as read-only,
 * every connection to it is replaced, including those of read-only pools.
 */

import { complaintAbout, connectTimeoutMsOf } from './address.js'
import { BoundedPool, type BoundedPoolConfig } from './bounded-pool.js'
import { Client, type ClientConfig, CONNECT_TIMEOUT_MS, NETWORK_SETTINGS } from './client.js'
import { createRecentFailures } from './failures.js'
import type { DatabaseLog, SharedState } from './shared-state.js'
import { failureOf, isReadOnly } from './sqlstate.js'

export type PoolOptions = Omit<BoundedPoolConfig, 'connectionString' | 'shared' | 'Client'>
export type ConnectOptions = Omit<ClientConfig, 'connectionString'>

export interface Database {
  openPool(options: PoolOptions): BoundedPool
  /** Resolves after login, if the server takes writes. Rejects with the driver's error. */
  connect(options: ConnectOptions): Promise<Client>
  /** Calls `listener` whenever all connections must be replaced. Returns a function that unsubscribes. */
  onRetired(listener: () => void): () => void
  /**
   * SQLSTATE → number of statements that failed with it in the last ten seconds. Counts only faults of the environment.
   */
  recentFailures(): Readonly<Record<string, number>>
}

/** Opens no connection yet. Throws when the connection string asks for something unsupported. */
export function createDatabase(connectionString: string, log?: DatabaseLog): Database {
  const complaint = complaintAbout(connectionString)
  if (complaint !== undefined) throw new TypeError(`DATABASE_URL: ${complaint}`)
  const connectionTimeoutMillis = connectTimeoutMsOf(connectionString) ?? CONNECT_TIMEOUT_MS
  const network = { ...NETWORK_SETTINGS, connectionTimeoutMillis }
  const failures = createRecentFailures()
  const listeners = new Set<() => void>()
  let generation = 0

  function retireAll(): void {
    generation += 1
    log?.warn({}, 'the database server refuses writes, replacing all connections to it')
    for (const listener of listeners) listener()
  }

  const shared: SharedState = {
    get generation() {
      return generation
    },
    noteFailure(error, failedGeneration) {
      const failure = failureOf(error)
      if (failure === 'away' || failure === 'refused') failures.note(error)
      // A connection of an earlier generation is being replaced already.
      if (isReadOnly(error) && failedGeneration === generation) retireAll()
    },
    log,
  }

  return {
    openPool(options) {
      const pool = new BoundedPool({ ...network, ...options, connectionString, shared })
      pool.whenEnded(onRetired(() => pool.dropIdle()))
      return pool
    },
    async connect(options) {
      const client = new Client({ ...network, ...options, connectionString })
      try {
        return await client.connect()
      } catch (error) {
        shared.noteFailure(error)
        throw error
      }
    },
    onRetired,
    recentFailures: () => failures.counts(),
  }

  function onRetired(listener: () => void): () => void {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }
}

/** Returns `target` if it is a database. For a connection string it creates one for this caller alone. */
export function databaseOf(target: string | Database, log?: DatabaseLog): Database {
  return typeof target === 'string' ? createDatabase(target, log) : target
}
