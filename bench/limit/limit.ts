/*
 * The limit: how many one-row commits a second the database can make at this moment. It is measured before and after
 * everything that is compared with it, because machines were seen to halve their speed within minutes.
 */
import type pg from 'pg'
import { inFlight, mean } from '../measure.js'
import { type Database, openPool, type World } from '../world.js'
import { type Band, findPgbench, runPgbench } from './pgbench.js'
import { fillInstances, makeSample, type Sample } from './sample.js'
import { BEYOND_ALL, NAMES, statement } from './statement.js'

/** The numbers of clients that pgbench is tried with. The best one depends on the machine. */
const CLIENTS = [1, 8, 32]
const POOL_CONNECTIONS = 32
/** Commits of one measurement. One client makes fewer in a second. */
const COMMITS = 4_000
const COMMITS_ALONE = 800

export interface LimitRate {
  /** Commits a second with the best number of pgbench clients. Absent if pgbench is not installed. */
  readonly pgbench?: number
  /** Commits a second of the same statement, from a pool of 32 connections in this process. */
  readonly pool: number
  /** The largest of these rates, which is the limit. */
  readonly best: number
}

export interface Limit {
  measure(): Promise<LimitRate>
  close(): Promise<void>
}

/** Opens the limit on a database of its own, with enough instances to use each only once in a measurement. */
export async function openLimit(world: Pick<World, 'folder' | 'createDatabase'>, scale = 1): Promise<Limit> {
  const database = await world.createDatabase()
  const { id, ...sample } = await makeSample(database)
  const hasPgbench = (await findPgbench()) !== undefined
  const bands = bandsOf(hasPgbench ? CLIENTS : [], scale)
  await fillInstances(
    database.pool,
    id,
    bands.reduce((sum, band) => sum + band.clients * band.each, 0),
  )
  const pool = openPool(database.connectionString, POOL_CONNECTIONS)
  await connectAll(pool)
  let asked = 0

  return {
    async measure() {
      const expected = ++asked
      const [ofPool, ...others] = bands.map(band => ({ ...band, expected }))
      if (ofPool === undefined) throw new Error('expected a band for the pool')
      const rates: number[] = []
      for (const band of others) {
        rates.push(await runPgbench(database.connectionString, world.folder, sample, band))
      }
      const own = await runPool(pool, sample, ofPool)
      await assertAllMoved(database, [ofPool, ...others], expected + 1)
      if (rates.length === 0) return { pool: own, best: own }
      return { pgbench: Math.max(...rates), pool: own, best: Math.max(...rates, own) }
    },
    async close() {
      await pool.end()
      await database.drop()
    },
  }
}

/** The bands of instances. The first one is for the pool. */
function bandsOf(clients: readonly number[], scale: number): Omit<Band, 'expected'>[] {
  let first = 1
  return [POOL_CONNECTIONS, ...clients].map(many => {
    const each = Math.ceil(((many === 1 ? COMMITS_ALONE : COMMITS) * scale) / many)
    const band = { first, each, clients: many }
    first += each * many
    return band
  })
}

async function connectAll(pool: pg.Pool): Promise<void> {
  const clients = await Promise.all(Array.from({ length: POOL_CONNECTIONS }, () => pool.connect()))
  for (const client of clients) client.release()
}

async function runPool(
  pool: pg.Pool,
  sample: Sample,
  { first, each, clients, expected }: Band,
): Promise<number> {
  const count = each * clients
  const begunAt = performance.now()
  await inFlight(count, clients, i => {
    const values = { ...sample, n: first + i, expected }
    return pool.query({ name: 'limit', text: statement, values: NAMES.map(name => values[name]) })
  })
  return (count / (performance.now() - begunAt)) * 1000
}

/** Checks that all rows moved, because a statement that moves nothing is fast. */
async function assertAllMoved({ pool }: Database, bands: readonly Band[], version: number): Promise<void> {
  const expected = bands.reduce((sum, { each, clients }) => sum + each * clients, 0)
  const { rows } = await pool.query<{ moved: number }>(
    'select count(*)::int as moved from instances where version = $1 and id < $2',
    [version, BEYOND_ALL],
  )
  if (rows[0]?.moved !== expected) throw new Error(`the limit moved ${rows[0]?.moved} rows of ${expected}`)
}

/** Runs `work` for each round, with the limit before and after it. Returns each value with the mean of its two limits. */
export async function besideLimit<T>(
  limit: Limit,
  rounds: number,
  work: (round: number) => Promise<T>,
): Promise<{ readonly value: T; readonly limit: number; readonly rate: LimitRate }[]> {
  const measured = []
  let before = await limit.measure()
  for (let round = 0; round < rounds; round++) {
    const value = await work(round)
    const after = await limit.measure()
    measured.push({ value, limit: mean([before.best, after.best]), rate: after })
    before = after
  }
  return measured
}
