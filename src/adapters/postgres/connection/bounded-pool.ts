/*
 * A pool with a bounded queue and a bounded connection lifetime. A pool of `pg` lets any number of callers wait for a
 * connection. While the database hangs and clients retry, the waiting callers would fill the memory of the process. It also
 * keeps a connection for as long as it is used, even after its server was demoted or its address has moved.
 */
import pg from 'pg'
import { Client } from './client.js'
import type { SharedState } from './shared-state.js'
import { markUnavailable } from './sqlstate.js'

/**
 * Seconds of work for a healthy database, so a later caller would run into the time limit as well. With its request
 * each holds some 10 KB: 50 MB in all.
 */
const MAX_WAITING = 5_000

/** The server gives up before our time limit, so that a statement that we no longer wait for has ended there too. */
export const STATEMENT_TIMEOUT_MS = 5_000
export const CLIENT_TIMEOUT_MS = 7_000

/**
 * Statements of a transaction are some milliseconds apart. If a process is paused between two of them, the server ends its
 * session, so that its locks do not block others.
 */
export const IDLE_IN_TRANSACTION_TIMEOUT_MS = 3_000

/**
 * The longest time a busy connection may stay with a former primary that has not refused a write. Replacing a connection
 * takes some 10 ms and replans its statements: a few thousandths of its work in that time.
 */
export const LIFETIME_MS = 300_000
/** Each connection lives up to this share shorter, so that connections opened together are not replaced together. */
export const LIFETIME_JITTER = 0.3

export interface BoundedPoolConfig extends pg.PoolConfig {
  readonly maxWaiting?: number
  readonly lifetimeMs?: number
  /** For readers, which may use a standby. */
  readonly mayBeReadOnly?: boolean
  readonly shared: SharedState
}

type OnClient = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (error?: Error | boolean) => void,
) => void

interface Age {
  readonly generation: number
  readonly expiresAt: number
}

/**
 * Callers are refused at once when the queue is full, as `pg` itself refuses callers that have waited too long. Faults of the
 * environment reject as `StoreUnavailableError`.
 */
export class BoundedPool extends pg.Pool {
  readonly #maxWaiting: number
  readonly #shared: SharedState
  readonly #ages = new WeakMap<pg.PoolClient, Age>()
  readonly #whenEnded: (() => void)[] = []

  constructor({ maxWaiting = MAX_WAITING, lifetimeMs = LIFETIME_MS, shared, ...config }: BoundedPoolConfig) {
    super({ ...config, Client })
    this.#maxWaiting = maxWaiting
    this.#shared = shared
    this.on('connect', client => {
      const livesMs = lifetimeMs * (1 - Math.random() * LIFETIME_JITTER)
      this.#ages.set(client, { generation: shared.generation, expiresAt: performance.now() + livesMs })
    })
    this.on('error', error => shared.log?.warn({ err: error }, 'lost an idle database connection'))
    const send = this.query.bind(this) as (...parts: unknown[]) => Promise<unknown>
    this.query = ((...parts: unknown[]) => markUnavailable(send(...parts))) as typeof this.query
  }

  override connect(): Promise<pg.PoolClient>
  override connect(onClient: OnClient): void
  override connect(onClient?: OnClient): Promise<pg.PoolClient> | undefined {
    if (onClient === undefined) {
      return markUnavailable(
        new Promise((resolve, reject) =>
          this.connect((error, client) => (client === undefined ? reject(error) : resolve(client))),
        ),
      )
    }
    if (this.waitingCount >= this.#maxWaiting) {
      process.nextTick(
        onClient,
        new Error('Too many callers wait for a database connection'),
        undefined,
        () => {},
      )
      return undefined
    }
    super.connect((error, client) => {
      if (client === undefined) {
        this.#shared.noteFailure(error)
        onClient(error, undefined, () => {})
        return
      }
      this.#watchRelease(client)
      onClient(undefined, client, client.release)
    })
    return undefined
  }

  /** Closes idle connections now and the others when they are released. */
  dropIdle(): void {
    for (let left = this.idleCount; left > 0; left--) {
      this.connect((_error, client) => client?.release())
    }
  }

  whenEnded(listener: () => void): void {
    this.#whenEnded.push(listener)
  }

  override end(): Promise<void>
  override end(onEnd: () => void): void
  override end(onEnd?: () => void): Promise<void> | undefined {
    for (const listener of this.#whenEnded.splice(0)) listener()
    if (onEnd === undefined) return super.end()
    super.end(onEnd)
    return undefined
  }

  /** `pg` sets a new `release` each time it hands a connection out. */
  #watchRelease(client: pg.PoolClient): void {
    const { release } = client
    client.release = error => {
      const age = this.#ages.get(client)
      if (error && error !== true) this.#shared.noteFailure(error, age?.generation)
      release(error || this.#isOld(age))
    }
  }

  #isOld(age: Age | undefined): boolean {
    if (age === undefined) return true
    return age.generation !== this.#shared.generation || performance.now() > age.expiresAt
  }
}
