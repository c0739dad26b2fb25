/*
 * Measures the cost of a request: CPU time of the server and of Postgres, write-ahead log, and stored bytes. CPU time is
 * the same on a busy machine, so docs/SCALING.md can calculate with it. `npm run bench:cost [requests]`; Linux only.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '../src/adapters/postgres/embedded/index.js'
import { migrate } from '../src/adapters/postgres/schema/migrate.js'
import { signToken } from '../src/adapters/tokens/jwt.js'

const REQUESTS = Number(process.argv[2] ?? 1_000)
const HEARTBEATS = REQUESTS * 5
const CONCURRENCY = 32
const SECRET = 'bench-only-0123456789abcdef0123456789abcdef'
const log = { info: () => {}, warn: () => {} }
const TICKS_PER_SECOND = 100

function stat(pid: number | string): { parent: number; seconds: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return {
      parent: Number(fields[1]),
      seconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    }
  } catch {
    return undefined // The process has ended in the meantime.
  }
}

/** CPU seconds of the postmaster and all its children. The postmaster's own figure includes children that have ended. */
function secondsOfPostgres(postmaster: number): number {
  const fields = readFileSync(`/proc/${postmaster}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(stat)
    .filter(found => found?.parent === postmaster)
    .reduce((sum, found) => sum + (found?.seconds ?? 0), own)
}

const dataDir = mkdtempSync(join(tmpdir(), 'loadcast-bench-'))
const database = await startEmbeddedPostgres({ dataDir, log })
await migrate(database.connectionString, { log })
const sql = new pg.Client({ connectionString: database.connectionString })
await sql.connect()
const dataFolder: string = (await sql.query('show data_directory')).rows[0].data_directory
const postmaster = Number(readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n')[0])
const server = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
  env: {
    PATH: process.env.PATH ?? '',
    PORT: '0',
    LOG_LEVEL: 'error',
    JWT_SECRET: SECRET,
    JWT_REFRESH_SECRET: `${SECRET}-refresh`,
    DATABASE_URL: database.connectionString,
  },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const url = await new Promise<string>(resolve => {
  server.stdout.on('data', chunk => {
    const found = /listens on (http:\S+)/.exec(String(chunk))?.[1]
    if (found !== undefined) resolve(found)
  })
})

async function call(
  method: string,
  path: string,
  token: string,
  body: unknown,
): Promise<{ id?: string; assignment?: { tripId: string } }> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return (response.status === 204 ? {} : await response.json()) as { id?: string }
}

const tokenOf = (role: 'customer' | 'transporter' | 'driver', id: string) =>
  signToken({ id, role }, SECRET, 3_600_000)
const place = { lat: 28.61, lng: 77.2 }

/** A lane has a fleet of its own: two trucks, which all its requests use. */
async function openLane(lane: number) {
  const transporter = await tokenOf('transporter', `t${lane}`)
  const trucks = [`${lane}a`, `${lane}b`]
  for (const truck of trucks) {
    const driver = await tokenOf('driver', `d${truck}`)
    await call('PUT', `/transporter/drivers/d${truck}`, transporter, { name: truck })
    await call('POST', '/driver/fleet', driver, { transporterId: `t${lane}` })
    await call('PUT', `/transporter/vehicles/v${truck}`, transporter, { vehicleType: '14ft', number: truck })
    if (lane === 0) await call('POST', '/driver/heartbeat', driver, place)
  }
  return { transporter, trucks }
}

async function inLanes(count: number, work: (lane: number, index: number) => Promise<void>): Promise<void> {
  let next = 0
  const run = async (lane: number) => {
    for (let index = next++; index < count; index = next++) await work(lane, index)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, (_, lane) => run(lane)))
}

/** Prints one line for a kind of work, with the cost of each unit. */
async function measure(name: string, count: number, work: (lane: number, index: number) => Promise<void>) {
  await inLanes(Math.ceil(count / 10), (lane, index) => work(lane, -1 - index)) // Warm-up.
  const look = async () => ({
    node: stat(server.pid ?? 0)?.seconds ?? 0,
    postgres: secondsOfPostgres(postmaster),
    wal: Number(
      (await sql.query("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as bytes")).rows[0].bytes,
    ),
    size: Number((await sql.query('select pg_database_size(current_database()) as bytes')).rows[0].bytes),
  })
  const before = await look()
  const begunAt = performance.now()
  await inLanes(count, work)
  const seconds = (performance.now() - begunAt) / 1000
  const after = await look()
  const each = (value: number, digits: number) => (value / count).toFixed(digits)
  console.log(
    `${name.padEnd(34)} ${(count / seconds).toFixed(0).padStart(6)}/s ` +
      `node ${each((after.node - before.node) * 1000, 2)} ms  postgres ${each((after.postgres - before.postgres) * 1000, 2)} ms  ` +
      `wal ${each(after.wal - before.wal, 0)} B  kept ${each(after.size - before.size, 0)} B`,
  )
}

const lanes = await Promise.all(Array.from({ length: CONCURRENCY }, (_, lane) => openLane(lane)))
await measure('request: create, 2 accepts, 4 trips', REQUESTS, async (lane, index) => {
  const fleet = lanes[lane]
  if (fleet === undefined) return
  const customer = await tokenOf('customer', `c${lane}-${index}`)
  const trucks = [{ vehicleType: '14ft', count: 2 }]
  const { id } = await call('POST', '/broadcasts', customer, { pickup: place, drop: place, trucks })
  for (const truck of fleet.trucks) {
    const accept = { type: 'accept', driverId: `d${truck}`, vehicleId: `v${truck}` }
    const { assignment } = await call('POST', `/broadcasts/${id}/events`, fleet.transporter, accept)
    await call('POST', `/trips/${assignment?.tripId}/events`, fleet.transporter, { type: 'start' })
    await call('POST', `/trips/${assignment?.tripId}/events`, fleet.transporter, { type: 'complete' })
  }
})
const drivers = await Promise.all(lanes.map((_, lane) => tokenOf('driver', `d${lane}a`)))
await measure('heartbeat of a driver, over HTTP', HEARTBEATS, async lane => {
  await call('POST', '/driver/heartbeat', drivers[lane] ?? '', place)
})
const { rows } = await sql.query('select count(*)::int as n from journal')
console.log(`${rows[0].n} transitions in the journal`)

server.kill('SIGTERM')
await new Promise(resolve => server.once('close', resolve))
await sql.end()
await database.stop()
