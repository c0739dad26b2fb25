/*
 * Requests for trucks in the usual way: a Redis lock for each request, and a SERIALIZABLE transaction under it. The
 * transaction reads, decides, and updates if the version is still the one that was read, with three retries. As a careful
 * author would do, ended requests are detected before the lock is taken. There are no notifications and no history.
 */
import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type pg from 'pg'
import { accept as acceptCommand, request, VEHICLE_TYPE } from '../subject.js'
import { openPool } from '../world.js'
import { LockTimeoutError, withLock } from './lock.js'
import { createUsualTables } from './schema.js'

const CONNECTIONS = 32
const RETRIES = 3
/** The pause before the first retry, doubled for the next, ± 50 %. Without it, the retries would only collide again. */
const RETRY_PAUSE_MS = 20
/** Serialization failure and deadlock, which are retried. */
const RETRIED = ['40001', '40P01']

/** `busy`: driver or vehicle is on a trip. `ended`: no truck or no time was left. */
export type UsualOutcome = 'won' | 'busy' | 'ended' | 'gave up'

interface Row {
  readonly status: string
  readonly trucks_needed: number
  readonly trucks_filled: number
  readonly version: number
  readonly is_over: boolean
}

class StaleError extends Error {}

export interface UsualWay {
  create(name: string, trucks: number, timeoutMs?: number): Promise<string>
  accept(id: string, name: string): Promise<UsualOutcome>
  /** Called at the deadline. Returns false if the request had ended otherwise. */
  expire(id: string): Promise<boolean>
  close(): Promise<void>
}

/** Creates its own tables in this database. */
export async function openUsualWay(connectionString: string, redis: Redis): Promise<UsualWay> {
  const pool = openPool(connectionString, CONNECTIONS)
  await createUsualTables(pool)
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.connect()))
  for (const client of clients) client.release()

  /** Resolves with `otherwise` if the lock did not come in time, or if all tries failed. */
  async function locked<T>(
    id: string,
    work: (client: pg.PoolClient) => Promise<T>,
    otherwise: T,
  ): Promise<T> {
    try {
      return await withLock(redis, `request:${id}`, () => retried(pool, work, otherwise))
    } catch (error) {
      if (error instanceof LockTimeoutError) return otherwise
      throw error
    }
  }

  return {
    async create(name, trucks, timeoutMs = 3_600_000) {
      const id = randomUUID()
      const { customerId, ...details } = request(name, trucks)
      await pool.query(
        `insert into usual_requests (id, customer_id, status, vehicle_type, trucks_needed, details, expires_at)
         values ($1, $2, 'searching', $3, $4, $5, now() + $6::float8 * interval '1 millisecond')`,
        [id, customerId, VEHICLE_TYPE, trucks, JSON.stringify(details), timeoutMs],
      )
      return id
    },
    async accept(id, name) {
      const { rows } = await pool.query<Row>('select status from usual_requests where id = $1', [id])
      if (!isSeeking(rows[0]?.status)) return 'ended'
      return locked<UsualOutcome>(id, client => acceptIn(client, id, name), 'gave up')
    },
    expire: id => locked(id, client => expireIn(client, id), false),
    close: () => pool.end(),
  }
}

const isSeeking = (status: string | undefined) => status === 'searching' || status === 'partially_filled'

async function retried<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  otherwise: T,
): Promise<T> {
  for (let attempt = 0; attempt <= RETRIES; attempt++) {
    const client = await pool.connect()
    try {
      await client.query('begin isolation level serializable')
      const result = await work(client)
      await client.query('commit')
      return result
    } catch (error) {
      await client.query('rollback')
      if (!(error instanceof StaleError) && !RETRIED.includes((error as { code?: string }).code ?? ''))
        throw error
    } finally {
      client.release()
    }
    await delay(RETRY_PAUSE_MS * (attempt + 1) * (0.5 + Math.random()))
  }
  return otherwise
}

async function acceptIn(client: pg.PoolClient, id: string, name: string): Promise<UsualOutcome> {
  const { transporterId, driver, vehicle } = acceptCommand(name) as unknown as {
    transporterId: string
    driver: { id: string }
    vehicle: { id: string }
  }
  const found = await read(client, id)
  if (found === undefined || !isSeeking(found.status) || found.is_over) return 'ended'
  const { rowCount: trips } = await client.query(
    `select 1 from usual_trips where driver_id = $1 and status in ('assigned', 'started')
     union all select 1 from usual_trips where vehicle_id = $2 and status in ('assigned', 'started')`,
    [spread(driver.id), spread(vehicle.id)],
  )
  if (trips !== 0) return 'busy'
  const filled = found.trucks_filled + 1
  await updateIfStill(client, id, found.version, {
    status: filled === found.trucks_needed ? 'fully_filled' : 'partially_filled',
    filled,
  })
  await client.query(
    `insert into usual_trips (id, request_id, transporter_id, driver_id, vehicle_id, status, driver, vehicle)
     values ($1, $2, $3, $4, $5, 'assigned', $6, $7)`,
    [
      randomUUID(),
      id,
      transporterId,
      spread(driver.id),
      spread(vehicle.id),
      JSON.stringify(driver),
      JSON.stringify(vehicle),
    ],
  )
  return 'won'
}

/** Numbered ids would all be on one page of the index, while real ids are spread. */
const spread = (id: string) => createHash('md5').update(id).digest('hex')

async function expireIn(client: pg.PoolClient, id: string): Promise<boolean> {
  const found = await read(client, id)
  if (found === undefined || !isSeeking(found.status)) return false
  await updateIfStill(client, id, found.version, { status: 'expired', filled: found.trucks_filled })
  return true
}

async function read(client: pg.PoolClient, id: string): Promise<Row | undefined> {
  const { rows } = await client.query<Row>(
    'select status, trucks_needed, trucks_filled, version, expires_at < now() as is_over from usual_requests where id = $1',
    [id],
  )
  return rows[0]
}

async function updateIfStill(
  client: pg.PoolClient,
  id: string,
  version: number,
  { status, filled }: { status: string; filled: number },
): Promise<void> {
  const { rowCount } = await client.query(
    `update usual_requests set status = $3, trucks_filled = $4, version = version + 1, updated_at = now()
     where id = $1 and version = $2`,
    [id, version, status, filled],
  )
  if (rowCount === 0) throw new StaleError(`version ${version} of ${id} is not the current one`)
}
