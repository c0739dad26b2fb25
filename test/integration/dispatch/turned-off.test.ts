/* What ends with a person that is turned off, on two whole servers with one database; also when their process dies. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { createFleetStore } from '../../../src/adapters/postgres/product/fleet-store.js'
import type { Role } from '../../../src/dispatch/person.js'
import { createTestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'
import { redisForTests, useRedis } from '../../support/redis/redis.js'
import { type Client, createClient, type Listener, listen } from '../../support/server/clients.js'
import { acceptBody, asking, PICKUP, registerTruck } from '../../support/server/fleet.js'
import { findViolations, startTestApp, type TestApp } from '../../support/server/server.js'
import { useTestApp } from '../../support/server/use-test-app.js'

const { describeWithRedis } = await redisForTests()

let admin: Client
/** Holds every commit of `app` while it is set. */
let hold: Promise<void> | undefined
let isHeld = false
const open: Listener[] = []

const app = await useTestApp({
  faults(point) {
    if (point !== 'commit.before' || hold === undefined) return
    isHeld = true
    return hold
  },
})
const other = await app.beside()

beforeAll(async () => {
  admin = await createClient(other.url, 'admin', 'off-admin')
})
afterEach(() => {
  for (const listener of open.splice(0)) listener.close()
})

const turn = (role: Role, id: string, active: boolean) =>
  admin.put(`/api/v1/admin/users/${role}/${id}`, { active })
/** As a process that died right after it had written the row. */
async function writeOff(role: Role, id: string): Promise<void> {
  await createFleetStore(app.sql).setPersonActive({ role, id }, false)
}
const statusOf = async (id: string) =>
  (await app.query<{ status: string }>('select status from loadcast.instances where id = $1', [id]))[0]
    ?.status
const seek = async (id: string, count = 1, server: TestApp = app, type = '14ft') => {
  const client = await createClient(server.url, 'customer', id)
  const { status, body } = await client.post('/api/v1/broadcasts', asking(count, type))
  expect(status).toBe(201)
  return body
}
const historyOf = async (id: string) =>
  (await admin.get(`/api/v1/broadcasts/${id}/history`)).body.items as {
    event: { type: string }
    actor: Record<string, string>
  }[]

describe('R11.2 a customer that is turned off', () => {
  test('loses its searching request before the answer: its transporters are informed, and the journal names the actor', async () => {
    const truck = await registerTruck(other.url, 'off-1', { vehicleType: 'off_1', isReady: true })
    const listener = await listen(other.url, truck.transporter.token)
    open.push(listener)
    const broadcast = await seek('off-c1', 2, other, 'off_1')
    await listener.next('new_broadcast')
    expect((await turn('customer', 'off-c1', false)).status).toBe(200)
    expect(await statusOf(broadcast.id)).toBe('cancelled')
    expect(
      await listener.next('booking_expired', ({ broadcastId }) => broadcastId === broadcast.id),
    ).toMatchObject({
      data: { reason: 'customer_cancelled' },
    })
    expect((await historyOf(broadcast.id)).at(-1)?.actor).toMatchObject({ id: 'off-admin', role: 'admin' })
    expect((await truck.transporter.get('/api/v1/broadcasts')).body.items).toEqual([])
  })

  test('keeps requests that no longer search: the trips of a full request stay', async () => {
    const truck = await registerTruck(app.url, 'off-2', { vehicleType: 'off_2', isReady: true })
    const broadcast = await seek('off-c2', 1, app, 'off_2')
    const path = `/api/v1/broadcast/${broadcast.id}/accept`
    expect((await truck.transporter.post(path, acceptBody(truck))).status).toBe(200)
    await turn('customer', 'off-c2', false)
    expect(await statusOf(broadcast.id)).toBe('fully_filled')
    const { body } = await truck.driver.get('/api/v1/driver/trips')
    expect(body.items).toMatchObject([{ broadcastId: broadcast.id, status: 'assigned' }])
  })

  test('loses a partly filled one with its trips that have not started', async () => {
    const truck = await registerTruck(app.url, 'off-3', { vehicleType: 'off_3', isReady: true })
    const broadcast = await seek('off-c3', 2, app, 'off_3')
    const path = `/api/v1/broadcast/${broadcast.id}/accept`
    expect((await truck.transporter.post(path, acceptBody(truck))).status).toBe(200)
    await turn('customer', 'off-c3', false)
    expect(await statusOf(broadcast.id)).toBe('cancelled')
    const { body } = await truck.driver.get('/api/v1/driver/trips')
    expect(body.items).toMatchObject([{ broadcastId: broadcast.id, status: 'cancelled' }])
  })

  test('is not the same id in another role, nor another customer', async () => {
    const broadcast = await seek('off-same')
    const bystander = await seek('off-bystander')
    for (const role of ['transporter', 'driver', 'admin'] as const) await turn(role, 'off-same', false)
    await turn('customer', 'off-sam', false)
    // When this one is gone, those that were turned off before it have been looked at.
    const last = await seek('off-last')
    await writeOff('customer', 'off-last')
    await until(async () => (await statusOf(last.id)) === 'cancelled')
    expect([await statusOf(broadcast.id), await statusOf(bystander.id)]).toEqual(['searching', 'searching'])
  })

  test('loses one that was admitted before and is committed after', async () => {
    const client = await createClient(app.url, 'customer', 'off-late')
    await client.get('/api/v1/broadcasts')
    let release = () => {}
    hold = new Promise(resolve => {
      release = resolve
    })
    const late = client.post('/api/v1/broadcasts', asking(1))
    await until(() => isHeld)
    expect((await turn('customer', 'off-late', false)).status).toBe(200)
    hold = undefined
    release()
    const { status, body } = await late
    expect(status).toBe(201)
    await until(async () => (await statusOf(body.id)) === 'cancelled')
    expect((await historyOf(body.id)).at(-1)?.actor).toMatchObject({ id: 'turned-off', role: 'system' })
    expect(await app.query("select from loadcast.claims where key = 'customer:off-late'")).toEqual([])
  })

  test('loses it though the process that turned it off died', async () => {
    const broadcast = await seek('off-dead')
    await writeOff('customer', 'off-dead')
    await until(async () => (await statusOf(broadcast.id)) === 'cancelled')
  })

  test('loses it though no process ran for a while', async () => {
    const database = await createTestDatabase()
    const first = await startTestApp({ database })
    const broadcast = await seek('off-alone', 1, first)
    await first.close()
    const pool = new pg.Pool({ connectionString: database.connectionString, max: 1 })
    await createFleetStore(pool).setPersonActive({ role: 'customer', id: 'off-alone' }, false)
    await pool.query("update people set valid_from = now() - interval '2 hours' where id = 'off-alone'")
    await pool.end()
    // Only a process that starts looks back that far.
    const second = await startTestApp({ database })
    const status = async () =>
      (await second.query('select status from loadcast.instances where id = $1', [broadcast.id]))[0]?.status
    await until(async () => (await status()) === 'cancelled')
    await second.close()
    await database.drop()
  })

  test('leaves a database without violations', async () => {
    expect(await findViolations(app.database.connectionString)).toEqual([])
  })
})

/** Whether a request near the truck is offered to its transporter. */
async function isOffered(server: TestApp, name: string, vehicleType: string): Promise<boolean> {
  const broadcast = await seek(
    `asker-${name}-${Math.random().toString(36).slice(2, 8)}`,
    1,
    server,
    vehicleType,
  )
  const [row] = await server.query<{ n: number }>(
    'select count(*)::int as n from recipients where broadcast_id = $1 and offered_at is not null',
    [broadcast.id],
  )
  return row?.n === 1
}

const presences: [
  string,
  (name: string, block: () => void) => void,
  () => Readonly<Record<string, string>>,
][] = [
  ['in memory', describe, () => ({})],
  [
    'in Redis',
    describeWithRedis as unknown as typeof describe,
    (() => {
      let redis: { url: string } | undefined
      return () => {
        redis ??= useRedis()
        return {
          get REDIS_URL() {
            return redis?.url ?? ''
          },
        }
      }
    })(),
  ],
]

for (const [where, describeHere, environment] of presences) {
  describeHere(`R11.2 with presence ${where}`, () => {
    const env = environment()
    let server: TestApp
    let chief: Client

    beforeAll(async () => {
      server = await startTestApp({ env: { ...env } })
      chief = await createClient(server.url, 'admin', 'off-chief')
    })
    afterAll(() => server.close())

    const put = (role: Role, id: string, active: boolean) =>
      chief.put(`/api/v1/admin/users/${role}/${id}`, { active })
    const driverOf = async (truck: Awaited<ReturnType<typeof registerTruck>>) =>
      (await truck.transporter.get(`/api/v1/transporter/drivers/${truck.driverId}`)).body

    test('a driver that is turned off is offline at once, is announced as such, and causes no offers', async () => {
      const truck = await registerTruck(server.url, 'pr-1', { vehicleType: 'pr_1', isReady: true })
      const listener = await listen(server.url, truck.transporter.token)
      open.push(listener)
      expect(await driverOf(truck)).toMatchObject({ isOnline: true })
      expect(await isOffered(server, 'pr-1', 'pr_1')).toBe(true)
      expect((await put('driver', truck.driverId, false)).status).toBe(200)
      expect(await driverOf(truck)).toMatchObject({ isOnline: false })
      await listener.next('driver_status_changed', ({ data }) => data.isOnline === false)
      const { body } = await truck.transporter.get('/api/v1/transporter/drivers?assignable=true')
      expect(body.items).toEqual([])
      expect((await truck.driver.post('/api/v1/driver/heartbeat', PICKUP)).status).not.toBe(200)
      // On again it is not online by itself: it has to sign in and switch on.
      await put('driver', truck.driverId, true)
      expect(await driverOf(truck)).toMatchObject({ isOnline: false })
    })

    test('a driver whose process died is offline within seconds, even for a process that starts later', async () => {
      const truck = await registerTruck(server.url, 'pr-2', { vehicleType: 'pr_2', isReady: true })
      const pool = new pg.Pool({ connectionString: server.database.connectionString, max: 1 })
      await createFleetStore(pool).setPersonActive({ role: 'driver', id: truck.driverId }, false)
      await pool.end()
      await until(async () => (await driverOf(truck)).isOnline === false)
      const later = await startTestApp({ env: { ...env }, database: server.database })
      const elsewhere = await createClient(later.url, 'transporter', truck.transporter.id)
      const { body } = await elsewhere.get(`/api/v1/transporter/drivers/${truck.driverId}`)
      expect(body).toMatchObject({ isOnline: false })
      await later.close()
    })

    test('a transporter that is turned off gets no offers, though its drivers stay online', async () => {
      const truck = await registerTruck(server.url, 'pr-3', { vehicleType: 'pr_3', isReady: true })
      expect(await isOffered(server, 'pr-3', 'pr_3')).toBe(true)
      await put('transporter', truck.transporter.id, false)
      await truck.driver.post('/api/v1/driver/heartbeat', { lat: PICKUP.lat, lng: PICKUP.lng })
      expect(await isOffered(server, 'pr-3', 'pr_3')).toBe(false)
    })
  })
}
