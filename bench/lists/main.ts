/*
 * `npm run bench:lists`: measures every list of the interface on a database with a year of business. It prints the time
 * from the call to the finished answer, without HTTP, and the plan of each statement.
 *
 *   npm run bench:lists                      1,000,000 ended requests, 10,000 live ones
 *   npm run bench:lists -- 100000 1000
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { percentile } from '../../demo/figures.js'
import { count, milliseconds, table } from '../../demo/table.js'
import { startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/index.js'
import { migrate } from '../../src/adapters/postgres/schema/migrate.js'
import type { Dispatch } from '../../src/dispatch/api.js'
import type { Caller } from '../../src/dispatch/person.js'
import type { Result } from '../../src/dispatch/problems.js'
import { openProduct } from '../product.js'
import { fill, HEAVY, type Sizes } from './data.js'
import { planOf, sentBy } from './plans.js'

const ROUNDS = 3
const CALLS = 60

const [ended = 1_000_000, live = 10_000] = process.argv.slice(2).map(Number)
const silent = { info() {}, warn() {}, error() {} }

await withServer(async connectionString => {
  await migrate(connectionString, { log: silent })
  const pool = new pg.Pool({
    connectionString,
    max: 10,
    options: '-c jit=off -c max_parallel_workers_per_gather=0',
  })
  const product = openProduct(connectionString, pool)
  const samples = await makeSamples(product.dispatch)
  const begunAt = performance.now()
  const sizes: Sizes = { ended, live }
  await fill(pool, sizes, samples, (title, done, of) => progress(`${done + 1} of ${of}: ${title}`))
  progress(`filled in ${Math.round((performance.now() - begunAt) / 1000)} s\n`)
  await measureAll(product.dispatch, pool)
  await product.close()
  await pool.end()
})

async function measureAll(dispatch: Dispatch, pool: pg.Pool): Promise<void> {
  const lists = await listsOf(dispatch, pool)
  const rows: string[][] = []
  const plans: string[] = []
  for (const [i, [title, call]] of lists.entries()) {
    progress(`${i + 1} of ${lists.length}: ${title}`)
    const items = itemsOf(await call())
    const p50s: number[] = []
    const all: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const times: number[] = []
      for (let n = 0; n < CALLS; n++) {
        const begunAt = performance.now()
        await call()
        times.push(performance.now() - begunAt)
      }
      p50s.push(percentile(times, 0.5) ?? Number.NaN)
      all.push(...times)
    }
    const p50 = percentile(p50s, 0.5) ?? Number.NaN
    const spread = `${milliseconds(Math.min(...p50s))} – ${milliseconds(Math.max(...p50s))}`
    const p99 = milliseconds(percentile(all, 0.99) ?? Number.NaN)
    rows.push([title, count(items), milliseconds(p50), spread, p99, p50 <= 10 ? 'yes' : 'NO'])
    for (const sent of await sentBy(call)) plans.push(`  ${title}: ${await planOf(pool, sent)}`)
  }
  progress('')
  console.log(
    `\n${count(ended)} ended requests, ${count(live)} live; ${ROUNDS} rounds of ${CALLS} calls, 100 items a page\n`,
  )
  console.log(table(['list', 'items', 'p50', 'spread of p50', 'p99', 'within 10 ms'], rows))
  console.log(`\nHow each statement was run\n\n${plans.join('\n')}`)
}

type List = readonly [title: string, call: () => Promise<Result<unknown>>]

async function listsOf(dispatch: Dispatch, pool: pg.Pool): Promise<readonly List[]> {
  const customer: Caller = { id: HEAVY.customer, role: 'customer' }
  const transporter: Caller = { id: HEAVY.transporter, role: 'transporter' }
  const driver: Caller = { id: HEAVY.driver, role: 'driver' }
  const admin: Caller = { id: 'admin', role: 'admin' }
  const page = { limit: 100 }
  const middle = await cursorInTheMiddle(pool)
  const { rows } = await pool.query(
    'select broadcast_id from recipients group by 1 order by count(*) desc limit 1',
  )
  const offered: string = rows[0].broadcast_id
  return [
    ['own requests', () => dispatch.listBroadcasts(customer, page)],
    ['own requests, deep in the list', () => dispatch.listBroadcasts(customer, { ...page, cursor: middle })],
    [
      'own requests, a rare status',
      () => dispatch.listBroadcasts(customer, { ...page, status: 'cancelled' }),
    ],
    ['live offers', () => dispatch.listBroadcasts(transporter, page)],
    ['past answers', () => dispatch.listAnswers(transporter, page)],
    ['past answers, deep in the list', () => dispatch.listAnswers(transporter, { ...page, cursor: middle })],
    ['drivers', () => dispatch.listDrivers(transporter, page)],
    ['drivers to assign', () => dispatch.listDrivers(transporter, { ...page, assignable: false })],
    ['vehicles', () => dispatch.listVehicles(transporter, page)],
    ["a driver's trips", () => dispatch.listDriverTrips(driver, page)],
    ['all requests', () => dispatch.listBroadcasts(admin, page)],
    ['all that are searching', () => dispatch.listBroadcasts(admin, { ...page, status: 'searching' })],
    ['all of a rare status', () => dispatch.listBroadcasts(admin, { ...page, status: 'cancelled' })],
    ['instances', () => dispatch.listInstances(admin, page)],
    ['instances of an owner', () => dispatch.listInstances(admin, { ...page, owner: HEAVY.customer })],
    ['instances of a rare status', () => dispatch.listInstances(admin, { ...page, status: 'cancelled' })],
    ['recipients of a request', () => dispatch.listRecipients(admin, offered, page)],
    ['dead letters', () => dispatch.listDeadLetters(admin, page)],
    ['administrators’ actions', () => dispatch.listAdminActions(admin, page)],
  ]
}

async function cursorInTheMiddle(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query('select id from instances order by id offset $1 limit 1', [ended >> 1])
  return Buffer.from(rows[0].id).toString('base64url')
}

function itemsOf(result: Result<unknown>): number {
  if (!result.ok) throw new Error(JSON.stringify(result.problem))
  return (result.value as { items: unknown[] }).items.length
}

/** Two requests made by the engine itself, a filled one and one that seeks. No measured user has them in a list. */
async function makeSamples(dispatch: Dispatch): Promise<{ ended: string; live: string }> {
  const transporter: Caller = { id: 'sample-t', role: 'transporter' }
  await dispatch.isActive(transporter)
  const driver: Caller = { id: 'sample-d', role: 'driver' }
  must(await dispatch.putDriver(transporter, driver.id, { name: 'Asha' }))
  must(await dispatch.joinFleet(driver, { transporterId: transporter.id }))
  must(await dispatch.putVehicle(transporter, 'sample-v', { vehicleType: '14ft', number: 'KA 1' }))
  const place = { lat: 12.97, lng: 77.59, address: 'Bengaluru' }
  const make = async (customer: string) => {
    const body = { pickup: place, drop: place, trucks: [{ vehicleType: '14ft', count: 1 }] }
    return must(await dispatch.createBroadcast({ id: customer, role: 'customer' }, body)).broadcast.id
  }
  const filled = await make('sample-1')
  const truck = { driverId: 'sample-d', vehicleId: 'sample-v' }
  must(await dispatch.sendToBroadcast(transporter, filled, { type: 'accept', ...truck }))
  return { ended: filled, live: await make('sample-2') }
}

function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.problem))
  return result.value
}

async function withServer(work: (connectionString: string) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'loadcast-bench-'))
  await chmod(dataDir, 0o711) // If root runs this, Postgres runs as another user, which must enter the folder.
  // Only reads are measured, so the database may be filled without fsync.
  const settings = { fsync: 'off', max_wal_size: '4GB', shared_buffers: '1GB' }
  const server = await startEmbeddedPostgres({ dataDir, log: silent, settings })
  try {
    await work(server.connectionString)
  } finally {
    await server.stop()
    await rm(dirname(server.dataDir), { recursive: true, force: true })
    await rm(dataDir, { recursive: true, force: true })
  }
}

function progress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K  ${text}`)
  else if (text !== '') console.log(`  ${text.trimEnd()}`)
}
