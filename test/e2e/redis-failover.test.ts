import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import type { HealthReport } from '../../src/adapters/http/health.js'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { until } from '../support/engine/engine.js'
import { redisForTests } from '../support/redis/redis.js'
import { type RedisCluster, startRedisCluster } from '../support/redis/redis-cluster.js'
import { type RedisSentinels, startSentinels } from '../support/redis/redis-sentinel.js'
import { createClient, listen } from '../support/server/clients.js'
import { acceptBody, asking, registerTruck, type Truck } from '../support/server/fleet.js'
import { findViolations, processEnvironment } from '../support/server/server.js'
import { type ServerProcess, startServerProcess } from '../support/server/server-process.js'

/*
 * Two real processes use a Redis of several servers. One server is killed, hangs or is replaced. Requests and timers
 * continue (R7.4). Within seconds presence, fan-out and limits work between the processes again.
 */

const { describeWithRedis } = await redisForTests()

/** Tests that take minutes and differ little from the others. */
const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const adapters = isLong ? [['sharded'], ['classic']] : [['sharded']]

const LIMIT_PER_MINUTE = 60
/** An election takes some seconds, and more on a busy machine. */
const RECOVERY_MS = 40_000
/** Within `LIMIT_PER_MINUTE` for as long as a recovery may take. */
const BEAT_EVERY_MS = 1_500
const PRESENCE_KEY = 'loadcast:presence:{0}'
const LIMITS_KEY = 'loadcast:{limits}'
const CHANNELS = '{loadcast}'

interface Pair {
  readonly a: ServerProcess
  readonly b: ServerProcess
  readonly database: TestDatabase
  readonly near: Truck
  readonly far: Truck
  close(): Promise<void>
}

let serial = 0
const nextId = (name: string) => `${name}${++serial}`

async function startPair(env: Readonly<Record<string, string>>): Promise<Pair> {
  const database = await createTestDatabase()
  const settings = {
    ...processEnvironment,
    DATABASE_URL: database.connectionString,
    LOG_LEVEL: 'warn',
    RATE_LIMIT_USER_PER_MINUTE: String(LIMIT_PER_MINUTE),
    ...env,
  }
  const [a, b] = await Promise.all([startServerProcess(settings), startServerProcess(settings)])
  const near = await registerTruck(a.url, 'near', { isReady: true })
  const far = await registerTruck(b.url, 'far', { isReady: true })
  await far.driver.post('/api/v1/driver/heartbeat', { lat: 13.08, lng: 80.27 })
  return {
    a,
    b,
    database,
    near,
    far,
    async close() {
      // Not SIGTERM: the test has asked for /health, so a shutdown would wait for a balancer to ask again.
      const codes = await Promise.all([a.end('SIGINT'), b.end('SIGINT')])
      const output = [a, b].map(process => process.output()).join('\n')
      const violations = await findViolations(database.connectionString)
      await database.drop()
      expect({ codes, violations }).toEqual({ codes: [0, 0], violations: [] })
      // Pino's errors and defects.
      expect(output).not.toMatch(/"level":[56]0/)
    },
  }
}

const health = async ({ url }: ServerProcess) => (await (await fetch(`${url}/health`)).json()) as HealthReport

async function beat({ near, far }: Pair): Promise<void> {
  const place = { lat: 28.61, lng: 77.2 }
  expect((await near.driver.post('/api/v1/driver/heartbeat', place)).status).toBe(200)
  expect((await near.transporter.post('/api/v1/transporter/heartbeat', {})).status).toBe(200)
  expect((await far.driver.post('/api/v1/driver/heartbeat', { lat: 13.08, lng: 80.27 })).status).toBe(200)
  expect((await far.transporter.post('/api/v1/transporter/heartbeat', {})).status).toBe(200)
}

/** Requests, an accept and a cancel, whatever the state of Redis. */
async function everythingGoesOn({ a, b, near }: Pair): Promise<void> {
  const customer = await createClient(b.url, 'customer', nextId('c'))
  const created = await customer.post('/api/v1/broadcasts', asking(1))
  expect(created.status).toBe(201)
  const { id } = created.body
  const accepted = await near.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(near))
  expect(accepted.status).toBe(200)
  const cancelled = await (await createClient(a.url, 'customer', customer.id)).post(
    `/api/v1/broadcasts/${id}/events`,
    { type: 'cancel' },
  )
  expect(cancelled.status).toBe(200)
}

/** Everything that goes through Redis, from one process to the other. */
async function everythingCrosses(pair: Pair): Promise<void> {
  const { a, b } = pair
  for (const process of [a, b]) {
    await until(async () => (await health(process)).checks.redis.status === 'ok', RECOVERY_MS)
  }
  // Presence: the other process knows exactly the drivers nearby.
  await until(async () => {
    await beat(pair)
    const customer = await createClient(b.url, 'customer', nextId('c'))
    const { status, body } = await customer.post('/api/v1/broadcasts', asking(1))
    expect(status).toBe(201)
    await customer.post(`/api/v1/broadcasts/${body.id}/events`, { type: 'cancel' })
    if (body.matchingTransportersCount === 1) return true
    await delay(BEAT_EVERY_MS)
    return false
  }, RECOVERY_MS)
  // Fan-out, both ways.
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const customer = await createClient(from.url, 'customer', nextId('c'))
    const listener = await listen(to.url, customer.token)
    const { body } = await customer.post('/api/v1/broadcasts', asking(1))
    await listener.next('booking_updated', event => event.broadcastId === body.id, RECOVERY_MS)
    await customer.post(`/api/v1/broadcasts/${body.id}/events`, { type: 'cancel' })
    listener.close()
  }
  await limitsAreShared(pair)
}

/** A limit used up on one process refuses on the other, long before the other's own count would. */
async function limitsAreShared({ a, b }: Pair): Promise<void> {
  await until(async () => {
    const id = nextId('limited')
    const [here, there] = [
      await createClient(a.url, 'customer', id),
      await createClient(b.url, 'customer', id),
    ]
    for (let i = 0; i < LIMIT_PER_MINUTE; i++) await here.get('/api/v1/broadcasts')
    for (let i = 0; i < LIMIT_PER_MINUTE / 2; i++) {
      if ((await there.get('/api/v1/broadcasts')).status === 429) return true
      await new Promise(resolve => setTimeout(resolve, 20)) // counts are shared a few times a second
    }
    return false
  }, RECOVERY_MS)
}

/** The state of a long-running installation after its heartbeats. */
async function markFilled(url: string): Promise<void> {
  const redis = new Redis(url)
  await redis.hset(`${PRESENCE_KEY}:state`, { since: 0, pulse: Date.now() + 60_000 })
  redis.disconnect()
}

describeWithRedis.each(adapters)('a cluster, with the %s adapter', adapter => {
  let cluster: RedisCluster
  let pair: Pair

  beforeAll(async () => {
    cluster = await startRedisCluster()
    await markFilled((await cluster.masterOf(PRESENCE_KEY)).url)
    pair = await startPair({ REDIS_URL: cluster.url, REDIS_MODE: 'cluster', SOCKET_ADAPTER: adapter })
  })
  afterAll(async () => {
    await pair?.close()
    await cluster?.stop()
  })

  test('R13.5 R7.1 carries presence, events and limits, each on a master of its own', async () => {
    await everythingCrosses(pair)
    expect((await health(pair.a)).checks.redis).toMatchObject({
      status: 'ok',
      mode: 'cluster',
      sockets: 'joined',
    })
    const masters = await Promise.all([PRESENCE_KEY, LIMITS_KEY, CHANNELS].map(key => cluster.masterOf(key)))
    expect(new Set(masters.map(({ id }) => id)).size).toBe(3)
    const keys = await cluster.keys()
    expect(keys.filter(key => !/^loadcast:(presence:\{0\}|\{limits\}):/.test(key))).toEqual([])
  })

  test.each([
    ['of presence', PRESENCE_KEY],
    ['of the channels', CHANNELS],
    ['of the limits', LIMITS_KEY],
  ])(
    'R13.5 R7.4 the master %s is killed: requests continue, and Redis features work again within seconds',
    async (_, key) => {
      await (await cluster.masterOf(key)).kill()
      await everythingGoesOn(pair)
      await cluster.settled()
      await everythingCrosses(pair)
    },
  )
})

describeWithRedis('a cluster whose masters are replaced while they live', () => {
  let cluster: RedisCluster
  let pair: Pair

  beforeAll(async () => {
    cluster = await startRedisCluster()
    await markFilled((await cluster.masterOf(PRESENCE_KEY)).url)
    // Naming one node is enough.
    const [one] = cluster.url.split(',')
    pair = await startPair({ REDIS_URL: one ?? '', REDIS_MODE: 'cluster' })
  })
  afterAll(async () => {
    await pair?.close()
    await cluster?.stop()
  })

  test('R13.5 R7.4 by hand', async () => {
    for (const key of [PRESENCE_KEY, CHANNELS, LIMITS_KEY]) {
      const master = await cluster.masterOf(key)
      const replica = await cluster.replicaOf(master)
      await replica.ask('CLUSTER', 'FAILOVER')
      await until(async () => (await cluster.masterOf(key)) === replica, RECOVERY_MS)
    }
    await everythingGoesOn(pair)
    await everythingCrosses(pair)
  })

  test('R13.5 R7.4 because one hangs, and comes back as a replica', async () => {
    const master = await cluster.masterOf(PRESENCE_KEY)
    master.freeze()
    await everythingGoesOn(pair)
    await cluster.settled()
    await everythingCrosses(pair)
    master.thaw()
    await cluster.settled()
    await everythingCrosses(pair)
  })

  test('R13.5 R7.4 because their slots move to another node', async () => {
    for (const key of [PRESENCE_KEY, CHANNELS, LIMITS_KEY]) {
      const from = await cluster.masterOf(key)
      await cluster.moveSlot(key)
      expect(await cluster.masterOf(key)).not.toBe(from)
    }
    await everythingGoesOn(pair)
    await everythingCrosses(pair)
  })
})

describeWithRedis('sentinels', () => {
  let sentinels: RedisSentinels
  let pair: Pair

  beforeAll(async () => {
    sentinels = await startSentinels()
    await markFilled((await sentinels.master()).url)
    pair = await startPair({ REDIS_URL: sentinels.url, REDIS_MODE: 'sentinel' })
  })
  afterAll(async () => {
    await pair?.close()
    await sentinels?.stop()
  })

  test('R13.5 R7.1 lead to the master, which carries presence, events and limits', async () => {
    await everythingCrosses(pair)
    expect((await health(pair.a)).checks.redis).toMatchObject({ status: 'ok', mode: 'sentinel' })
  })

  test('R13.5 R7.4 the master is killed: requests continue, and Redis features work again within seconds', async () => {
    const master = await sentinels.master()
    await master.kill()
    await everythingGoesOn(pair)
    await until(async () => (await sentinels.master()) !== master, RECOVERY_MS)
    await everythingCrosses(pair)
    await master.start()
  })

  // The sentinels alone take half a minute for this failover.
  if (isLong) {
    test('R13.5 R7.4 the master hangs, and comes back as a replica', async () => {
      await sentinels.settled()
      const master = await sentinels.master()
      master.freeze()
      await everythingGoesOn(pair)
      await until(async () => (await sentinels.master()) !== master, RECOVERY_MS)
      await everythingCrosses(pair)
      master.thaw()
      await sentinels.settled()
      await everythingCrosses(pair)
    })
  }

  test('R13.5 R7.4 a failover by hand, with one sentinel gone', async () => {
    await sentinels.failOver()
    await sentinels.sentinels[0]?.kill()
    await everythingGoesOn(pair)
    await everythingCrosses(pair)
  })
})
