/*
 * A pool whose queue has an end. Pools of `pg` let any number wait for a connection; while the database hangs and clients
 * try again and again, those who wait, with all that they hold, would be the memory of the process.
 */
import pg from 'pg'

/**
 * Seconds of work for a healthy database, so who comes later would run into the limit of time as well. With its request
 * each holds some 10 KB: 50 MB in all.
 */
const MAX_WAITING = 5_000

/** The server gives up first, so that a statement we no longer wait for has ended there too. */
export const STATEMENT_TIMEOUT_MS = 5_000
export const CLIENT_TIMEOUT_MS = 7_000
export const CONNECT_TIMEOUT_MS = 3_000

export interface BoundedPoolConfig extends pg.PoolConfig {
  readonly maxWaiting?: number
}

type OnClient = (error: Error | undefined, client: pg.PoolClient | undefined, done: () => void) => void

/** Refuses who finds the queue full, at once, as `pg` itself refuses who has waited too long. */
export class BoundedPool extends pg.Pool {
  readonly #maxWaiting: number

  constructor({ maxWaiting = MAX_WAITING, ...config }: BoundedPoolConfig) {
    super(config)
    this.#maxWaiting = maxWaiting
  }

  override connect(): Promise<pg.PoolClient>
  override connect(onClient: OnClient): void
  override connect(onClient?: OnClient): Promise<pg.PoolClient> | undefined {
    if (this.waitingCount < this.#maxWaiting) {
      if (onClient === undefined) return super.connect()
      super.connect(onClient)
      return undefined
    }
    const error = new Error('Too many wait for a database connection')
    if (onClient === undefined) return Promise.reject(error)
    process.nextTick(onClient, error, undefined, () => {})
    return undefined
  }
}
