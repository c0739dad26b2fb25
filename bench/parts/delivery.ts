/*
 * B6: the time from the commit to a socket of the same process, at a thousand accepts a second. It counts from the moment
 * at which the database recorded the event, inside the commit's statement, to its arrival at the client. The commit itself
 * is therefore included. The comparison is a bare emit: the same message to the same sockets, without a commit.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { percentile } from '../../demo/figures.js'
import { createSocketServer } from '../../src/adapters/socket/server.js'
import { createTokenVerifier } from '../../src/adapters/tokens/jwt.js'
import { type Fanout, personRoom } from '../../src/dispatch/ports.js'
import type { Engine } from '../../src/runtime/api.js'
import { TEST_SECRET } from '../../test/support/server/tokens.js'
import { epochMs, inFlight, paced } from '../measure.js'
import { openProduct } from '../product.js'
import { atMost } from '../report/figure.js'
import { recordedSince } from '../socket-latency.js'
import { accept, customerOf, request, transporterOf } from '../subject.js'
import { type Database, openPool } from '../world.js'
import { assertNoViolations } from './audited.js'
import { type Listeners, startListeners } from './listeners.js'
import type { Context, Outcome, Part } from './part.js'

const PER_SECOND = 1_000
const CUSTOMERS = 500
/** Trucks of each customer's request, which are accepted one by one. Five seconds of work in all. */
const TRUCKS = 10
const CREATES_AT_ONCE = 32
const CONNECTIONS = 10
const GOAL_P99_MS = 15
const TTL_MS = 120_000
/** The type of the bare emit, which clients do not acknowledge. */
const BARE = 'bare'

export const delivery: Part = {
  id: 'B6',
  title: 'delivery: commit to socket on the same process, 1,000 accepts/s',
  steps: size => 1 + size.rounds + 1,
  run,
}

async function run({ world, size, step }: Context): Promise<Outcome> {
  const database = await world.createDatabase()
  const log = pino({ level: 'error' }, pino.destination(2))
  const sockets = createSocketServer({
    verifyToken: createTokenVerifier({ secret: TEST_SECRET }),
    corsOrigins: [],
    transporterTtlMs: TTL_MS,
    log,
  })
  const queries = openPool(database.connectionString, CONNECTIONS)
  const product = openProduct(database.connectionString, queries, sockets.fanout)
  const server = createServer()
  sockets.attach(server, product.dispatch)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  await product.engine.start()
  step(`B6 connecting ${CUSTOMERS} sockets, warming up`)
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const listeners = await startListeners(url, CUSTOMERS)
  const trucks = size.of(TRUCKS)
  await round(database, product.engine, listeners, 'warm', trucks)
  await bareRound(sockets.fanout, listeners, 'warm', trucks)

  const ours: number[] = []
  const bare: number[] = []
  for (let i = 0; i < size.rounds; i++) {
    step(`B6 round ${i + 1}`)
    ours.push(await round(database, product.engine, listeners, `${i}`, trucks))
    bare.push(await bareRound(sockets.fanout, listeners, `${i}`, trucks))
  }
  await listeners.end()
  await sockets.close()
  server.close()
  await product.close()
  await queries.end()
  step('B6 auditing')
  await assertNoViolations(database)
  await database.drop()
  return {
    measured: [
      {
        key: 'B6',
        what: `p99 from commit to socket, ${PER_SECOND} accepts/s`,
        unit: 'ms',
        values: ours,
        beside: { what: 'a bare emit', values: bare },
        goal: atMost(GOAL_P99_MS),
      },
    ],
  }
}

const p99 = (latencies: readonly number[]) => percentile(latencies, 0.99) ?? Number.NaN

/** Accepts all trucks of all customers, in turn. Throws unless the event of each accept was received. */
async function round(
  { connectionString }: Database,
  engine: Engine,
  listeners: Listeners,
  name: string,
  trucks: number,
): Promise<number> {
  const ids: string[] = []
  await inFlight(CUSTOMERS, CREATES_AT_ONCE, async i => {
    const created = await engine.create('broadcast', request(`${i}`, trucks), { actor: customerOf(`${i}`) })
    if (created.kind !== 'created') throw new Error(`request ${i} was ${created.kind}`)
    ids[i] = created.instance.id
  })
  const begunAt = epochMs()
  await paced(CUSTOMERS * trucks, PER_SECOND, async i => {
    const truck = `${name}-${i}`
    const { kind } = await engine.send(ids[i % CUSTOMERS] ?? '', accept(truck), {
      actor: transporterOf(truck),
    })
    if (kind !== 'applied') throw new Error(`accept ${truck} was ${kind}`)
  })
  const heard = await listeners.heard('truck_confirmed', CUSTOMERS * trucks)
  const recorded = await recordedSince(connectionString, begunAt, ['truck.assigned'])
  const latencies = heard.map(
    ({ id, at }) => at - (recorded.get(id.slice(0, id.lastIndexOf(':'))) ?? Number.NaN),
  )
  if (latencies.some(Number.isNaN)) throw new Error('a client received an event that was not recorded')
  return p99(latencies)
}

async function bareRound(
  fanout: Fanout,
  listeners: Listeners,
  name: string,
  trucks: number,
): Promise<number> {
  const count = CUSTOMERS * trucks
  const sentAt = new Map<string, number>()
  await paced(count, PER_SECOND, async i => {
    const id = `bare-${name}-${i}`
    sentAt.set(id, epochMs())
    const envelope = { id, version: 1, type: BARE, at: new Date().toISOString(), data: accept(id) }
    fanout.emit([personRoom(customerOf(`${i % CUSTOMERS}`))], envelope)
  })
  const heard = await listeners.heard(BARE, count)
  return p99(heard.map(({ id, at }) => at - (sentAt.get(id) ?? Number.NaN)))
}
