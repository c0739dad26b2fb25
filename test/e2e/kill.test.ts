import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { findEmbeddedPostgres, startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/index.js'
import type { Envelope } from '../../src/dispatch/ports.js'
import { until } from '../support/engine/engine.js'
import { silentLog } from '../support/engine/log.js'
import { scaled } from '../support/engine/pace.js'
import { temporaryFolder } from '../support/processes/temporary-folder.js'
import { type Client, createClient, disconnected, listen } from '../support/server/clients.js'
import { acceptBody, asking, registerTruck, type Truck } from '../support/server/fleet.js'
import { findViolations, processEnvironment } from '../support/server/server.js'
import { type ServerProcess, startServerProcess } from '../support/server/server-process.js'

/*
 * The program as users start it, with its own Postgres, killed with -9 during its work. Everything acknowledged is
 * kept, and the next start finishes the rest.
 */

const CUSTOMERS = 12
const TRUCKS_EACH = 3
const ACCEPTS_BEFORE_DEATH = 12

let dataDir: string
let server: ServerProcess
let pool: pg.Pool
let connectionString: string

function start(): Promise<ServerProcess> {
  return startServerProcess({ ...processEnvironment, DATA_DIR: dataDir, BROADCAST_TIMEOUT_SECONDS: '8' })
}

beforeAll(async () => {
  dataDir = await temporaryFolder('kill')
  server = await start()
  connectionString = (await findEmbeddedPostgres(dataDir)) ?? ''
  pool = new pg.Pool({ connectionString, max: 2 })
  pool.on('error', () => {})
})

afterAll(async () => {
  await pool.end()
  await server.end('SIGKILL')
  // What a killed server leaves running is taken over, and so can be ended.
  const isRunning = (await findEmbeddedPostgres(dataDir)) !== undefined
  if (isRunning) await (await startEmbeddedPostgres({ dataDir, log: silentLog })).stop()
})

interface Accepted {
  readonly customer: Client
  readonly broadcastId: string
  readonly tripId: string
  readonly version: number
}

/** Everyone creates and accepts at once; answers are kept as they come, and an unanswered call is nothing. */
async function burst(
  customers: readonly Client[],
  trucks: readonly Truck[],
  onAccepted: (a: Accepted) => void,
) {
  const created: { id: string }[] = []
  await Promise.allSettled(
    customers.map(async (customer, i) => {
      const answer = await customer.post('/api/v1/broadcasts', asking(TRUCKS_EACH))
      if (answer.status !== 201) throw new Error(`${answer.status}`)
      created.push(answer.body)
      const own = trucks.slice(i * TRUCKS_EACH, i * TRUCKS_EACH + TRUCKS_EACH)
      await Promise.allSettled(
        own.map(async truck => {
          const path = `/api/v1/broadcast/${answer.body.id}/accept`
          const { status, body } = await truck.transporter.post(path, acceptBody(truck))
          if (status !== 200) throw new Error(`${status}`)
          const { tripId } = body.assignment
          onAccepted({ customer, broadcastId: answer.body.id, tripId, version: body.version })
        }),
      )
    }),
  )
  return created
}

describe('a server killed with -9 in a burst', () => {
  test('R5.2 loses nothing that it acknowledged, fires its timers and makes its pending deliveries', async () => {
    const names = Array.from({ length: CUSTOMERS * TRUCKS_EACH }, (_, i) => `kill-${i}`)
    const trucks = await Promise.all(names.map(name => registerTruck(server.url, name)))
    const customers = await Promise.all(
      Array.from({ length: CUSTOMERS }, (_, i) => createClient(server.url, 'customer', `kill-${i}`)),
    )
    // One request that nobody accepts, and one whose customer listens.
    const waiting = await createClient(server.url, 'customer', 'waiting')
    const { body: unfilled } = await waiting.post('/api/v1/broadcasts', asking(1, 'nobody_has_this'))
    const [told] = customers as [Client]
    const before = await listen(server.url, told.token)
    // Deliveries count as not made from here on, as if it died between each delivery and its removal.
    await pool.query(
      'create function keep() returns trigger language plpgsql as $$ begin return null; end $$',
    )
    await pool.query('create trigger keep before delete on outbox for each row execute function keep()')

    const acknowledged: Accepted[] = []
    let death: Promise<unknown> | undefined
    const created = await burst(customers, trucks, accepted => {
      acknowledged.push(accepted)
      // Listeners need an event, and the order of the accepts is open.
      const isToldOfOne = acknowledged.some(({ customer }) => customer === told)
      if (acknowledged.length >= ACCEPTS_BEFORE_DEATH && isToldOfOne) death ??= server.end('SIGKILL')
    })
    expect(await death).toBe('SIGKILL')
    before.close()
    expect(acknowledged.length).toBeGreaterThanOrEqual(ACCEPTS_BEFORE_DEATH)

    // Nobody is up, and everything that was acknowledged is there.
    const ids = acknowledged.map(({ tripId }) => tripId)
    const trips = await pool.query('select id from trips where id = any($1::uuid[]) and status = $2', [
      ids,
      'assigned',
    ])
    expect(trips.rows.map(row => row.id).sort()).toEqual([...ids].sort())
    for (const { broadcastId, version } of acknowledged) {
      const { rows } = await pool.query(
        "select event_json->>'type' as type from journal where instance = $1 and version = $2",
        [broadcastId, version],
      )
      expect(rows).toEqual([{ type: 'accept' }])
    }
    const stored = await pool.query('select id from instances')
    for (const { id } of [...created, unfilled]) expect(stored.rows.map(row => row.id)).toContain(id)
    const undelivered = await pool.query('select count(*)::integer as count from outbox')
    expect(undelivered.rows[0].count).toBeGreaterThan(ACCEPTS_BEFORE_DEATH)
    await pool.query('drop trigger keep on outbox')

    server = await start()
    const after = await listen(server.url, told.token)
    const heardBefore = before.events.find(event => event.type === 'truck_confirmed')
    // It comes again under its id. Of two that come again, either may be first.
    const isSame = ({ id }: Envelope) => heardBefore === undefined || id === heardBefore.id
    const heard = await after.next('truck_confirmed', isSame, scaled(15_000))
    expect(heard.broadcastId).toBe(created.find(({ id }) => id === heard.broadcastId)?.id)

    // The deadlines fire, though the process that armed them has ended.
    await until(async () => {
      const { rows } = await pool.query(
        "select status from instances where status in ('searching', 'partially_filled')",
      )
      return rows.length === 0
    })
    const { body: expired } = await (await createClient(server.url, 'customer', 'waiting')).get(
      `/api/v1/broadcasts/${unfilled.id}`,
    )
    expect(expired).toMatchObject({ status: 'expired', endReason: 'timeout' })
    await until(async () => (await pool.query('select from outbox')).rowCount === 0, 15_000)
    expect((await pool.query('select from dead_letters')).rowCount).toBe(0)
    expect(await findViolations(connectionString)).toEqual([])
    after.close()
  })

  test('R9.4 SIGTERM ends it in order: requests in progress are answered, new ones are not accepted', async () => {
    const customer = await createClient(server.url, 'customer', 'last')
    const listener = await listen(server.url, customer.token)
    const goodbye = disconnected(listener.socket)
    const body = JSON.stringify(asking(1))
    const { hostname, port } = new URL(server.url)
    const request = connect(Number(port), hostname)
    let answer = ''
    request.on('data', chunk => {
      answer += chunk
    })
    request.write(
      `POST /api/v1/broadcasts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${customer.token}\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\nexpect: 100-continue\r\n\r\n`,
    )
    await until(() => answer.includes('100 Continue'))

    const ended = server.end('SIGTERM')
    await until(() => refuses(Number(port), hostname))
    request.write(body)
    await until(() => answer.includes('201 Created'))
    expect(answer).toMatch(/connection: close/i)
    expect(await goodbye).toBe('transport close')
    expect(await ended).toBe(0)
    expect(await findEmbeddedPostgres(dataDir)).toBeUndefined()
  })
})

function refuses(port: number, hostname: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(port, hostname)
    probe.once('connect', () => {
      probe.destroy()
      resolve(false)
    })
    probe.once('error', () => resolve(true))
  })
}
