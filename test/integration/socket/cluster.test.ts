import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { until } from '../../support/engine/engine.js'
import { startRoughNetwork } from '../../support/network/rough-network.js'
import { type RedisServer, redisForTests, useRedis } from '../../support/redis/redis.js'
import { createClient, disconnected, type Listener, listen } from '../../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../../support/server/fleet.js'
import { startTestApp, type TestApp } from '../../support/server/server.js'
import { tokenFor } from '../../support/server/tokens.js'

/* Two whole servers on one Postgres and one Redis: what happens on `a` is heard on `b`. */

const { describeWithRedis } = await redisForTests()

describeWithRedis.each([['classic'], ['sharded']])('with the %s adapter', kind => {
  const redis: Omit<RedisServer, 'stop'> = useRedis()
  const open: Listener[] = []
  let a: TestApp
  let b: TestApp

  beforeAll(async () => {
    // Redis is killed on purpose, which is worth a warning but no error.
    const env = { REDIS_URL: redis.url, SOCKET_ADAPTER: kind }
    a = await startTestApp({ env })
    b = await startTestApp({ env, database: a.database })
  })

  afterEach(() => {
    for (const listener of open.splice(0)) listener.close()
  })

  afterAll(async () => {
    await b?.close()
    await a?.close()
  })

  async function connectTo(
    app: TestApp,
    role: Parameters<typeof tokenFor>[0],
    id: string,
  ): Promise<Listener> {
    const listener = await listen(app.url, await tokenFor(role, id))
    open.push(listener)
    return listener
  }

  test('R7.1 P3.4 an event in the room of a request on one process reaches clients on the other', async () => {
    const customer = await createClient(a.url, 'customer', 'near')
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(2))
    const [here, there] = [await connectTo(a, 'admin', 'a1'), await connectTo(b, 'admin', 'a2')]
    for (const watcher of [here, there]) {
      expect(await watcher.send('watch', { broadcastId: broadcast.id })).toEqual({ ok: true })
    }
    const stranger = await connectTo(b, 'customer', 'stranger')
    const own = await connectTo(b, 'customer', 'near')
    const truck = await registerTruck(a.url, 'near')
    const driver = await connectTo(b, 'driver', truck.driverId)
    const path = `/api/v1/broadcast/${broadcast.id}/accept`
    const accepted = await truck.transporter.post(path, acceptBody(truck))
    expect(accepted.status).toBe(200)

    const updated = await there.next('booking_updated')
    expect(updated).toMatchObject({ broadcastId: broadcast.id, version: accepted.body.version })
    expect(await here.next('booking_updated')).toEqual(updated)
    expect(await own.next('truck_confirmed')).toMatchObject({ tripId: accepted.body.assignment.tripId })
    expect(await driver.next('trip_assigned')).toMatchObject({ tripId: accepted.body.assignment.tripId })
    // Once each, also for sockets in both rooms.
    await own.send('watch', { broadcastId: broadcast.id })
    await customer.post(`/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
    const ended = await own.next('booking_updated', event => event.data.status === 'cancelled')
    await there.next('booking_expired')
    expect(own.events.filter(({ id }) => id === ended.id)).toHaveLength(1)
    await stranger.send('unwatch', { broadcastId: broadcast.id })
    expect(stranger.events).toEqual([])
  })

  test('R7.2 a user that is turned off on one process is disconnected on both', async () => {
    const admin = await createClient(a.url, 'admin', 'a1')
    const ends = []
    for (const app of [a, b]) ends.push(disconnected((await connectTo(app, 'customer', 'bad')).socket))
    const good = await connectTo(b, 'customer', 'good')
    expect((await admin.put('/api/v1/admin/users/customer/bad', { active: false })).status).toBe(200)
    expect(await Promise.all(ends)).toEqual(['io server disconnect', 'io server disconnect'])
    expect(good.socket.connected).toBe(true)
  })

  test('a process that ends disconnects only its own sockets', async () => {
    const env = { REDIS_URL: redis.url, SOCKET_ADAPTER: kind }
    const c = await startTestApp({ env, database: a.database })
    const leaving = await connectTo(c, 'customer', 'stays')
    const staying = await connectTo(b, 'customer', 'stays')
    const end = disconnected(leaving.socket)
    await c.close()
    await end
    const customer = await createClient(a.url, 'customer', 'stays')
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))
    await staying.next('booking_updated', event => event.broadcastId === broadcast.id)
    await customer.post(`/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
  })

  test('R7.4 Redis killed: requests and local sockets continue; when it is back, nothing is missed', async () => {
    const customer = await createClient(a.url, 'customer', 'patient')
    const [here, there] = [
      await connectTo(a, 'customer', 'patient'),
      await connectTo(b, 'customer', 'patient'),
    ]
    const admin = await createClient(a.url, 'admin', 'a1')
    const off = disconnected((await connectTo(a, 'customer', 'off')).socket)
    await redis.kill()
    const { status, body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))
    expect(status).toBe(201)
    const isOurs = (event: { broadcastId?: string }) => event.broadcastId === broadcast.id
    const created = await here.next('booking_updated', isOurs)
    const path = `/api/v1/broadcasts/${broadcast.id}/events`
    expect((await customer.post(path, { type: 'cancel' })).status).toBe(200)
    const ended = await here.next('booking_updated', event => isOurs(event) && event.id !== created.id)
    // Turned off meanwhile: here at once.
    await admin.put('/api/v1/admin/users/customer/off', { active: false })
    await off

    await redis.start()
    // What the other process could not hear it tells itself, under the same ids.
    const missed = [created, ended].map(event =>
      there.next('booking_updated', e => e.id === event.id, 20_000),
    )
    expect(await Promise.all(missed)).toEqual([created, ended])
    // And what happens now crosses again.
    const { body: next } = await customer.post('/api/v1/broadcasts', asking(1))
    await there.next('booking_updated', event => event.broadcastId === next.id, 10_000)
    await customer.post(`/api/v1/broadcasts/${next.id}/events`, { type: 'cancel' })
  })

  test('R7.4 a process that received nothing for a while redelivers the lost events to its own sockets', async () => {
    const network = await startRoughNetwork([redis.url])
    const url = new URL(redis.url)
    url.port = new URL(network.url).port
    const env = { SOCKET_ADAPTER: kind, REDIS_URL: url.href, LOG_LEVEL: 'fatal' }
    const deaf = await startTestApp({ env, database: a.database })
    try {
      const truck = await registerTruck(a.url, `deaf-${kind}`, { isReady: true })
      const [near, far] = [await connectTo(a, 'customer', 'talk'), await connectTo(deaf, 'customer', 'talk')]
      const captain = await connectTo(deaf, 'transporter', truck.transporter.id)
      network.lead([])
      network.cut()
      const customer = await createClient(a.url, 'customer', 'talk')
      const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))
      const created = await near.next('booking_updated')
      expect(far.events).toEqual([])
      // The status of the driver was announced before the cut and may be late. The captain is also caught up when it
      // connects, from Postgres: that may be as late as the request, and needs no Redis.
      const late = ['driver_status_changed', 'new_broadcast']
      expect(captain.events.filter(({ type }) => !late.includes(type))).toEqual([])
      network.lead([redis.url])
      expect(await far.next('booking_updated', () => true, 20_000)).toEqual(created)
      const offer = await captain.next('new_broadcast', event => event.broadcastId === broadcast.id, 20_000)
      expect(offer.id).toBe(`${broadcast.id}:offer`)
      await customer.post(`/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
      await captain.next('booking_expired', () => true, 20_000)
    } finally {
      await deaf.close()
      await network.close()
    }
  })

  test('R7.4 Redis that hangs: nobody waits for it', async () => {
    const customer = await createClient(a.url, 'customer', 'hurried')
    const here = await connectTo(a, 'customer', 'hurried')
    const there = await connectTo(b, 'customer', 'hurried')
    redis.freeze()
    try {
      const { status, body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))
      expect(status).toBe(201)
      await here.next('booking_updated', event => event.broadcastId === broadcast.id)
      const cancelled = await customer.post(`/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
      expect(cancelled.status).toBe(200)
      await here.next('booking_updated', event => event.data.status === 'cancelled')
      expect(there.events).toEqual([])
    } finally {
      redis.thaw()
    }
    await until(() => there.events.length === here.events.length, 20_000)
  })
})

describe('without Redis', () => {
  test('a server is a cluster of one', async () => {
    const alone = await startTestApp()
    try {
      const customer = await createClient(alone.url, 'customer', 'alone')
      const listener = await listen(alone.url, customer.token)
      await customer.post('/api/v1/broadcasts', asking(1))
      await listener.next('booking_updated')
      listener.close()
    } finally {
      await alone.close()
    }
  })
})
