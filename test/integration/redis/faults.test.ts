/* Redis killed, slow or full, under the whole server, over HTTP. Nothing that matters waits for it. */
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { Redis } from 'ioredis'
import type { HealthReport } from '../../../src/adapters/http/health.js'
import type { Role } from '../../../src/dispatch/person.js'
import { until } from '../../support/engine/engine.js'
import { type RedisServer, redisForTests, startRedisServer } from '../../support/redis/redis.js'
import { type RedisProxy, startRedisProxy } from '../../support/redis/redis-proxy.js'
import { createClient } from '../../support/server/clients.js'
import { hire } from '../../support/server/fleet.js'
import { findViolations, startTestApp, type TestApp } from '../../support/server/server.js'

const { describeWithRedis } = await redisForTests()

const PICKUP = { lat: 28.61, lng: 77.2 }
const FAR = { lat: 13.08, lng: 80.27 }

describeWithRedis('the server', () => {
  let redis: RedisServer
  let proxy: RedisProxy
  let app: TestApp
  let serial = 0

  beforeEach(async () => {
    redis = await startRedisServer()
    await markFilled(redis)
    proxy = await startRedisProxy(redis.url)
    // Outages are expected here, and their lines with them.
    app = await startTestApp({
      env: { REDIS_URL: proxy.url, LOG_LEVEL: 'fatal', REACH_STEP_SECONDS: '1', REACH_STEPS_KM: '10' },
    })
  })
  afterEach(async () => {
    proxy.release()
    await app.close()
    await proxy.close()
    await redis.stop()
  })

  const client = (role: Role, id: string) => createClient(app.url, role, id)
  const health = async () => (await (await fetch(`${app.url}/health`)).json()) as HealthReport

  async function truck(place: { lat: number; lng: number }) {
    const name = String(++serial)
    const [owner, driver] = [await client('transporter', `t${name}`), await client('driver', `d${name}`)]
    await hire(owner, driver)
    await owner.put(`/api/v1/transporter/vehicles/v${name}`, { vehicleType: '14ft', number: 'DL 1' })
    await owner.put('/api/v1/transporter/availability', { isAvailable: true })
    await driver.put('/api/v1/driver/availability', { isOnline: true, vehicleId: `v${name}` })
    const beat = async () => (await driver.post('/api/v1/driver/heartbeat', place)).status
    expect(await beat()).toBe(200)
    return { owner, driver, beat, ids: { driverId: `d${name}`, vehicleId: `v${name}` } }
  }
  async function request() {
    const customer = await client('customer', `c${++serial}`)
    const body = { pickup: PICKUP, drop: FAR, vehicleType: '14ft', trucksNeeded: 1 }
    const answer = await customer.post('/api/v1/booking', body)
    expect(answer.status).toBe(201)
    return {
      customer,
      id: answer.body.id as string,
      matching: answer.body.matchingTransportersCount as number,
    }
  }
  const accept = ({ owner, ids }: Awaited<ReturnType<typeof truck>>, id: string) =>
    owner.post(`/api/v1/broadcast/${id}/accept`, ids)

  /** Everything that a request goes through, while Redis is of no use. */
  async function everythingGoesOn() {
    const near = await truck(PICKUP)
    const { id, matching } = await request()
    expect(matching).toBeGreaterThan(0)
    expect((await accept(near, id)).status).toBe(200)
    const { customer, id: other } = await request()
    const reach = async () => (await customer.get(`/api/v1/broadcasts/${other}`)).body.reach.step
    // Its timers fire.
    await until(async () => (await reach()) !== 1)
    expect((await customer.put(`/api/v1/booking/${other}/cancel`, {})).body.broadcast.status).toBe(
      'cancelled',
    )
    // Switched-on drivers can be assigned, because nothing better is known.
    const choice = await near.owner.get('/api/v1/transporter/drivers')
    expect(choice.body.items).toMatchObject([{ isOnline: true, isBusy: true }])
  }

  it('R7.4 R9.4 P2.1 continues with 200 live requests when Redis is killed, reports it, and is filled again by heartbeats', async () => {
    const near = await truck(PICKUP)
    const far = await truck(FAR)
    expect((await health()).status).toBe('ok')
    // Who is near is known. On a slow machine a search may run out of time and ask everyone: then not at the first try.
    await until(async () => (await request()).matching === 1)
    const live = await inBatches(200, 20, request)

    await redis.kill()
    await everythingGoesOn()
    // Far transporters too, because without presence no place is known.
    expect((await request()).matching).toBeGreaterThanOrEqual(2)
    for (const { customer, id } of live.slice(0, 20)) {
      expect((await customer.put(`/api/v1/booking/${id}/cancel`, {})).status).toBe(200)
    }
    await until(async () => (await health()).status === 'degraded')
    expect((await health()).checks.redis).toMatchObject({ status: 'down' })
    expect(await near.beat()).toBe(200)

    await redis.start()
    await until(async () => (await health()).checks.redis.status !== 'down')
    expect((await health()).checks.redis).toMatchObject({ presence: 'being filled by heartbeats' })
    await far.beat()
    expect(await keysOf(redis)).toContain(`${far.ids.driverId}|`)
    expect(await findViolations(app.database.connectionString)).toEqual([])
    const keys = await allKeys(redis)
    expect(keys.filter(key => !/^loadcast:(presence:\{0\}|probe:\{presence\})/.test(key))).toEqual([])
  })

  it('R7.4 does not wait for a Redis that hangs', async () => {
    await truck(PICKUP)
    proxy.hold()
    // A caller that waited for the answer would wait for ever: none comes before the proxy lets it through.
    await everythingGoesOn()
    await until(async () => (await health()).status === 'degraded')
    proxy.release()
    await until(async () => (await health()).checks.redis.status === 'ok')
  })

  it('R7.4 does not wait for a Redis that takes two seconds', async () => {
    await truck(PICKUP)
    proxy.delay(2_000)
    await everythingGoesOn()
    proxy.delay(0)
    await until(async () => (await health()).checks.redis.status === 'ok')
  })

  it('R7.4 continues when Redis is full and refuses writes, and notices when there is room again', async () => {
    await truck(PICKUP)
    const admin = new Redis(redis.url)
    await admin.config('SET', 'maxmemory-policy', 'noeviction')
    await admin.config('SET', 'maxmemory', '1')
    await everythingGoesOn()
    await until(async () => (await health()).status === 'degraded')
    expect((await health()).checks.redis.reason).toMatch(/OOM/)
    await admin.config('SET', 'maxmemory', '0')
    await until(async () => (await health()).checks.redis.status === 'ok')
    admin.disconnect()
  })
})

/** As after the first heartbeats of a cluster that has been up for long. */
async function markFilled(server: RedisServer): Promise<void> {
  const redis = new Redis(server.url)
  const soon = Date.now() + 60_000
  await redis.hset('loadcast:presence:{0}:state', { since: 0, pulse: soon })
  redis.disconnect()
}

async function keysOf(server: RedisServer): Promise<string> {
  const redis = new Redis(server.url)
  const members = await redis.zrange('loadcast:presence:{0}:near:14ft', 0, -1)
  redis.disconnect()
  return members.join(' ')
}

async function allKeys(server: RedisServer): Promise<string[]> {
  const redis = new Redis(server.url)
  const keys = await redis.keys('*')
  redis.disconnect()
  return keys
}

async function inBatches<T>(count: number, atOnce: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = []
  while (results.length < count) results.push(...(await Promise.all(Array.from({ length: atOnce }, work))))
  return results
}
