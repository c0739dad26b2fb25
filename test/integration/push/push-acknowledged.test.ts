import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { createClient as connectApp } from '../../../src/client/index.js'
import { until } from '../../support/engine/engine.js'
import { redisForTests, useRedis } from '../../support/redis/redis.js'
import { type Client, createClient, type Listener, listen } from '../../support/server/clients.js'
import { acceptBody, asking, registerTruck, type Truck } from '../../support/server/fleet.js'
import { type RecordingPush, recordingPush } from '../../support/server/recording-push.js'
import { startTestApp, type TestApp } from '../../support/server/server.js'

/*
 * Whole servers: what a device acknowledges on its socket is not pushed, whichever process the socket is on. Nothing is
 * sent while a test holds push back, so it can see that an acknowledgement has been noted before it lets go.
 */

const { describeWithRedis } = await redisForTests()

interface Servers {
  readonly a: TestApp
  readonly b: TestApp
  readonly push: RecordingPush
}
let servers: Servers
const open: { close(): void }[] = []

async function start(env: Record<string, string>, isOne: boolean): Promise<Servers> {
  const push = recordingPush()
  const a = await startTestApp({ env, pushSender: push })
  const b = isOne ? a : await startTestApp({ env, pushSender: push, database: a.database })
  return { a, b, push }
}

async function stop(): Promise<void> {
  const { a, b } = servers
  if (b !== a) await b.close()
  await a.close()
}

afterEach(() => {
  for (const one of open.splice(0)) one.close()
  servers.push.batches.length = 0
})

const carry = async (client: Client) => {
  const device = { token: `token-of-${client.id}`, platform: 'android' }
  expect((await client.post('/api/v1/devices', device)).status).toBe(200)
}

/** A socket that acknowledges, or an app that does not know how to. */
async function connect(
  { url }: TestApp,
  { token }: Client,
  acknowledges: boolean,
  after?: string,
): Promise<Listener> {
  const listener = await listen(url, token, after)
  open.push(listener)
  if (acknowledges) {
    listener.socket.onAny((...parts: unknown[]) => {
      const last = parts.at(-1)
      if (typeof last === 'function') last()
    })
  }
  return listener
}

const outcomes = async (type: string) => {
  const rows = await servers.a.query<{ user_id: string; outcome: string | null }>(
    "select user_id, outcome from pushes where message ->> 'type' = $1 order by user_id",
    [type],
  )
  return Object.fromEntries(rows.map(({ user_id, outcome }) => [user_id, outcome]))
}
/** Known by its envelope alone where the acknowledgement came before it was queued. */
const isAcknowledged = (userId: string) =>
  until(async () => {
    const sql = "select from pushes where user_id = $1 and outcome = 'acknowledged'"
    return (await servers.a.query(sql, [userId])).length > 0
  })
const isSent = (type: string, userId: string) =>
  until(async () => (await outcomes(type))[userId] === 'sent', 20_000)

async function trucks(name: string, ...kinds: string[]): Promise<Truck[]> {
  const made: Truck[] = []
  for (const kind of kinds) {
    const truck = await registerTruck(servers.a.url, `${name}-${kind}`, { vehicleType: name, isReady: true })
    await carry(truck.transporter)
    made.push(truck)
  }
  return made
}

const pushedTo = (type: string) =>
  servers.push
    .messages()
    .filter(({ data }) => data.type === type)
    .map(({ token }) => token)
    .sort()

function cases(): void {
  test('R2.4 R8.1 an offer is pushed only to people whose device has not acknowledged it within 2 s', async () => {
    const { a, b, push } = servers
    const [here, there, mute, away] = (await trucks('offers', 'here', 'there', 'mute', 'away')) as [
      Truck,
      Truck,
      Truck,
      Truck,
    ]
    await connect(a, here.transporter, true)
    await connect(b, there.transporter, true)
    const silent = await connect(b, mute.transporter, false)
    const letGo = push.hold()
    const customer = await createClient(a.url, 'customer', 'c-offers')
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1, 'offers'))
    const offer = await silent.next('new_broadcast')
    expect(offer.id).toBe(`${broadcast.id}:offer`)
    for (const truck of [here, there]) await isAcknowledged(truck.transporter.id)
    letGo()
    for (const truck of [mute, away]) await isSent('new_broadcast', truck.transporter.id)
    expect(pushedTo('new_broadcast')).toEqual(
      [`token-of-${away.transporter.id}`, `token-of-${mute.transporter.id}`].sort(),
    )
    // Under the id by which an app that got both drops one.
    expect(push.messages().every(({ data }) => data.id === offer.id)).toBe(true)
  })

  test('R1.4 R2.4 after an accept the driver’s app acknowledges, and the customer without one is pushed', async () => {
    const { a, b, push } = servers
    const [truck] = (await trucks('accepts', 'one')) as [Truck]
    const customer = await createClient(a.url, 'customer', 'c-accepts')
    await Promise.all([carry(customer), carry(truck.driver)])
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1, 'accepts'))
    const app = connectApp({ url: b.url, token: truck.driver.token })
    open.push(app)
    await app.connect()
    const letGo = push.hold()
    const path = `/api/v1/broadcast/${broadcast.id}/accept`
    expect((await truck.transporter.post(path, acceptBody(truck))).status).toBe(200)
    await isAcknowledged(truck.driverId)
    letGo()
    await isSent('truck_confirmed', customer.id)
    expect([pushedTo('trip_assigned'), pushedTo('truck_confirmed')]).toEqual([[], ['token-of-c-accepts']])
  })

  test('R2.4 R7.3 a device acknowledges events that it gets on reconnecting, and is not pushed', async () => {
    const { a, b, push } = servers
    const [truck] = (await trucks('returns', 'one')) as [Truck]
    await carry(truck.driver)
    const point = (await truck.driver.get('/api/v1/sync')).body.next
    const letGo = push.hold()
    const customer = await createClient(a.url, 'customer', 'c-returns')
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(2, 'returns'))
    const path = `/api/v1/broadcast/${broadcast.id}/accept`
    expect((await truck.transporter.post(path, acceptBody(truck))).status).toBe(200)
    await until(async () => (await outcomes('trip_assigned'))[truck.driverId] === null)
    const driver = await connect(b, truck.driver, true, point)
    await driver.next('trip_assigned')
    await isAcknowledged(truck.driverId)
    letGo()
    await isSent('new_broadcast', truck.transporter.id)
    expect(pushedTo('trip_assigned')).toEqual([])
  })

  test('R2.4 events that wake nobody need no acknowledgement', async () => {
    const { a, b } = servers
    const customer = await createClient(a.url, 'customer', 'c-asked')
    const listener = await connect(b, customer, false)
    const asked: string[] = []
    listener.socket.onAny((type: string, ...parts: unknown[]) => {
      if (typeof parts.at(-1) === 'function') asked.push(type)
    })
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1, 'asked'))
    const [truck] = (await trucks('asked', 'one')) as [Truck]
    await truck.transporter.post(`/api/v1/broadcast/${broadcast.id}/accept`, acceptBody(truck))
    await listener.next('truck_confirmed')
    await listener.next('booking_updated', ({ data }) => data.status === 'fully_filled')
    expect(asked).toEqual(['truck_confirmed'])
  })
}

const env = {}

describe('one process', () => {
  beforeAll(async () => {
    servers = await start(env, true)
  })
  afterAll(stop)
  cases()
})

describeWithRedis.each([['classic'], ['sharded']])('two processes, with the %s adapter', kind => {
  afterAll(stop) // before Redis ends: see useRedis
  const redis = useRedis()
  beforeAll(async () => {
    servers = await start({ ...env, REDIS_URL: redis.url, SOCKET_ADAPTER: kind }, false)
  })
  cases()

  test('R5.4 P2.1 Redis holds nothing of a push or an acknowledgement', async () => {
    const client = new Redis(redis.url)
    open.push({ close: () => client.disconnect() })
    expect((await client.keys('*')).filter(key => !key.includes('presence'))).toEqual([])
  })
})
