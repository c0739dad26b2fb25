/*
 * One id in every role: four people. Each attack uses a valid token of the wrong role, over HTTP and on real sockets, in one
 * process and across two.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Role } from '../../../src/dispatch/person.js'
import { until } from '../../support/engine/engine.js'
import { redisForTests, useRedis } from '../../support/redis/redis.js'
import {
  type Client,
  createClient,
  disconnected,
  type Listener,
  listen,
} from '../../support/server/clients.js'
import { acceptBody, asking, registerTruck, type Truck } from '../../support/server/fleet.js'
import { startTestApp, type TestApp } from '../../support/server/server.js'
import { tokenFor } from '../../support/server/tokens.js'

const roles: readonly Role[] = ['customer', 'transporter', 'driver', 'admin']
const { describeWithRedis } = await redisForTests()

describe('in one process', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp()
  })
  afterAll(() => app.close())
  attacks(() => [app, app])
})

describeWithRedis.each(['classic', 'sharded'])('across two processes with the %s adapter', kind => {
  const redis = useRedis()
  let a: TestApp
  let b: TestApp
  beforeAll(async () => {
    const env = { REDIS_URL: redis.url, SOCKET_ADAPTER: kind }
    a = await startTestApp({ env })
    b = await startTestApp({ env, database: a.database })
  })
  afterAll(async () => {
    await b?.close()
    await a?.close()
  })
  attacks(() => [a, b])
})

let scenes = 0

/** Commands go to the first, attackers listen on the second. */
function attacks(apps: () => readonly [TestApp, TestApp]): void {
  const open: Listener[] = []
  afterEach(() => {
    for (const listener of open.splice(0)) listener.close()
  })

  async function connect(role: Role, id: string, after?: string): Promise<Listener> {
    const listener = await listen(apps()[1].url, await tokenFor(role, id), after)
    open.push(listener)
    return listener
  }

  /** Everyone else with one of these ids. */
  const twinsOf = (people: readonly Pick<Client, 'role' | 'id'>[]) =>
    people.flatMap(({ role, id }) =>
      roles.filter(other => other !== role).map(other => ({ role: other, id })),
    )

  async function newScene(): Promise<{ customer: Client; truck: Truck; vehicleType: string }> {
    const name = `same-${++scenes}`
    const vehicleType = `same_${scenes}`
    const { url } = apps()[0]
    const truck = await registerTruck(url, name, { vehicleType, isReady: true })
    return { customer: await createClient(url, 'customer', `c-${name}`), truck, vehicleType }
  }

  test('R11.1 gets no event of another role: live, by sync, by resync, by watching', async () => {
    const [app] = apps()
    const { customer, truck, vehicleType } = await newScene()
    const people = [customer, truck.transporter, truck.driver]
    const own = await Promise.all(people.map(({ role, id }) => connect(role, id)))
    const [atCustomer, atTransporter, atDriver] = own as [Listener, Listener, Listener]
    const twins = twinsOf(people)
    const listening = await Promise.all(twins.map(({ role, id }) => connect(role, id)))
    const before = await Promise.all(
      twins.map(async ({ role, id }) => {
        const twin = await createClient(app.url, role, id)
        return { twin, next: (await twin.get('/api/v1/sync')).body.next as string }
      }),
    )

    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(2, vehicleType))
    const offer = await atTransporter.next('new_broadcast', event => event.broadcastId === broadcast.id)
    const accepted = await truck.transporter.post(
      `/api/v1/broadcast/${broadcast.id}/accept`,
      acceptBody(truck),
    )
    expect(accepted.status).toBe(200)
    const assigned = await atDriver.next('trip_assigned')
    const confirmed = await atCustomer.next('truck_confirmed')
    const standing = await Promise.all(before.map(({ twin }) => twin.get('/api/v1/sync?after=unknown')))
    expect(standing.map(({ body }) => body.broadcasts)).toEqual(standing.map(() => []))
    await customer.post(`/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
    await atDriver.next('trip_cancelled')
    await atTransporter.next('trip_cancelled')
    await atTransporter.next('booking_expired')
    await until(async () => (await app.query('select from outbox')).length === 0)

    // Answered after everything that was said before.
    for (const [i, listener] of listening.entries()) {
      const { role, id } = twins[i] as (typeof twins)[number]
      const isAdmin = role === 'admin'
      const watched = await listener.send('watch', { broadcastId: broadcast.id })
      expect([role, id, watched.code ?? watched.ok]).toEqual([role, id, isAdmin ? true : 'NOT_FOUND'])
      expect([role, id, listener.events]).toEqual([role, id, []])
    }
    for (const { twin, next } of before) {
      const synced = await twin.get(`/api/v1/sync?after=${encodeURIComponent(next)}`)
      expect([twin.role, twin.id, synced.body.events]).toEqual([twin.role, twin.id, []])
    }
    // An id of another's event is no point to resume from: nothing tells that it exists.
    for (const [{ id }, event] of [
      [customer, confirmed],
      [truck.driver, assigned],
      [truck.transporter, offer],
    ] as const) {
      for (const { twin } of before.filter(one => one.twin.id === id && one.twin.role !== 'admin')) {
        const synced = await twin.get(`/api/v1/sync?after=${encodeURIComponent(event.id ?? '')}`)
        expect([twin.role, synced.body]).toMatchObject([twin.role, { resync: true, broadcasts: [] }])
        const resumed = await connect(twin.role, id, event.id)
        expect(await resumed.next('resync')).toMatchObject({ data: { broadcasts: [] } })
        expect(resumed.events).toHaveLength(1)
      }
    }
  })

  test('R11.1 gets its own events, though another role of its id has a part in the same request', async () => {
    const { customer, truck, vehicleType } = await newScene()
    const { url } = apps()[0]
    // A transporter with the customer's id is offered the request. The driver's id is also that of a transporter.
    const both = await createClient(url, 'customer', truck.transporter.id)
    const [asCustomer, asTransporter] = [
      await connect('customer', both.id),
      await connect('transporter', both.id),
    ]
    const { body: broadcast } = await both.post('/api/v1/broadcasts', asking(1, vehicleType))
    await asTransporter.next('new_broadcast')
    await both.post(`/api/v1/broadcasts/${broadcast.id}/events`, { type: 'cancel' })
    expect(await asTransporter.next('booking_expired')).toMatchObject({
      data: { reason: 'customer_cancelled' },
    })
    await asCustomer.next('booking_updated', event => event.data.status === 'cancelled')
    expect(asCustomer.events.map(({ type }) => type)).not.toContain('booking_expired')
    expect(asTransporter.events.map(({ type }) => type)).not.toContain('booking_updated')
    expect(customer.id).not.toBe(both.id)
  })

  test('R11.1 gets no answer that another role got for the same idempotency key', async () => {
    const { url } = apps()[0]
    const { customer, truck, vehicleType } = await newScene()
    const headers = { 'idempotency-key': 'the-same' }
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1, vehicleType))
    const path = `/api/v1/broadcasts/${broadcast.id}/events`
    expect((await customer.post(path, { type: 'cancel' }, headers)).status).toBe(200)
    expect((await customer.post(path, { type: 'cancel' }, headers)).headers.get('idempotency-replayed')).toBe(
      'true',
    )
    for (const role of ['transporter', 'driver'] as const) {
      const twin = await createClient(url, role, customer.id)
      const answer = await twin.post(path, { type: 'cancel' }, headers)
      expect([answer.status, answer.body.code]).toEqual([403, 'FORBIDDEN'])
      expect(answer.headers.get('idempotency-replayed')).toBeNull()
    }
    // Two people may use one key for what each of them may do.
    const device = { token: `token-${customer.id}`, platform: 'web' }
    for (const role of roles) {
      const one = await createClient(url, role, truck.driverId)
      const answer = await one.post('/api/v1/devices', device, headers)
      expect([role, answer.status, answer.headers.get('idempotency-replayed')]).toEqual([role, 200, null])
    }
  })

  test('R11.1 stays connected and served when another role of its id is turned off', async () => {
    const { url } = apps()[0]
    const { truck } = await newScene()
    const admin = await createClient(url, 'admin', 'root')
    const id = truck.driverId
    const listeners = await Promise.all(roles.map(async role => [role, await connect(role, id)] as const))
    const end = disconnected((await connect('driver', id)).socket)
    expect((await admin.put(`/api/v1/admin/users/driver/${id}`, { active: false })).body).toEqual({
      role: 'driver',
      id,
      active: false,
    })
    await end
    await until(() => listeners.every(([role, { socket }]) => socket.connected === (role !== 'driver')))
    for (const role of roles) {
      const answer = await (await createClient(url, role, id)).get('/api/v1/sync')
      expect([role, answer.status]).toEqual([role, role === 'driver' ? 403 : 200])
    }
    expect((await admin.put(`/api/v1/admin/users/driver/${id}`, { active: true })).status).toBe(200)
  })
}
