import { afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import {
  type Client,
  type ClientOptions,
  createClient,
  type LoadcastEvent,
} from '../../../src/client/index.js'
import type { Role } from '../../../src/dispatch/person.js'
import { until } from '../../support/engine/engine.js'
import { type ClientLink, openClientLink } from '../../support/network/client-link.js'
import { createClient as createCaller } from '../../support/server/clients.js'
import { idsFor } from '../../support/server/event-log.js'
import { DROP, PICKUP, registerTruck, type Truck } from '../../support/server/fleet.js'
import { tokenFor } from '../../support/server/tokens.js'
import { useTestApp } from '../../support/server/use-test-app.js'

let truck: Truck
const opened: { close(): unknown }[] = []

const app = await useTestApp()

beforeAll(async () => {
  truck = await registerTruck(app.url, 'client')
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

/** As an app would have it, only quicker. */
const backoff = { firstMs: 10, longestMs: 100 }

interface Heard {
  readonly client: Client
  readonly link: ClientLink
  readonly events: LoadcastEvent[]
  readonly ids: () => string[]
  readonly dropped: string[]
}

/** A client of this user, through its own link, that records its events. */
async function open(role: Role, id: string, more: Partial<ClientOptions> = {}): Promise<Heard> {
  const link = await openClientLink(app.url)
  const client = createClient({ url: link.url, token: () => tokenFor(role, id), backoff, ...more })
  opened.push(client, link)
  const events: LoadcastEvent[] = []
  const dropped: string[] = []
  client.on('event', event => events.push(event))
  client.on('dropped', ({ event, why }) => dropped.push(`${why} ${event.id}`))
  return {
    client,
    link,
    events,
    dropped,
    ids: () => events.flatMap(event => ('id' in event ? [event.id] : [])),
  }
}

async function connected(heard: Heard): Promise<Heard> {
  expect(await heard.client.connect()).toEqual({ ok: true })
  return heard
}
const isBack = ({ client }: Heard) => until(() => client.isConnected)
const load = { pickup: PICKUP, drop: DROP, vehicleType: '14ft', trucksNeeded: 1 }

async function create(client: Client): Promise<string> {
  const created = await client.api.createBooking(load)
  if (!created.ok) throw new Error(JSON.stringify(created.problem))
  return created.value.id
}

describe('R7.3 the client', () => {
  it('R7.3 receives events, by type', async () => {
    const customer = await connected(await open('customer', 'hears'))
    const titles: string[] = []
    customer.client.on('truck_confirmed', ({ data }) => titles.push(data.trip.vehicle.number))
    const id = await create(customer.client)
    const transporter = await open('transporter', truck.transporter.id)
    const { driverId, vehicleId } = truck
    const accepted = await transporter.client.api.accept(id, { driverId, vehicleId })
    expect(accepted).toMatchObject({ ok: true, value: { assignment: { isFullyFilled: true } } })
    await until(() => titles.length === 1)
    await until(async () =>
      (await idsFor({ role: 'customer', id: 'hears' }, app)).every(one => customer.ids().includes(one)),
    )
    expect(await customer.client.api.cancel(id)).toMatchObject({ ok: true, value: { outcome: 'applied' } })
    await until(() =>
      customer.events.some(event => event.type === 'booking_updated' && event.data.status === 'cancelled'),
    )
    expect(customer.ids().sort()).toEqual(await idsFor({ role: 'customer', id: 'hears' }, app))
  })

  it('R7.3 disconnected before its first event misses nothing', async () => {
    const customer = await connected(await open('customer', 'quiet'))
    customer.link.sever()
    await until(() => !customer.client.isConnected)
    const caller = await createCaller(app.url, 'customer', 'quiet')
    const { body } = await caller.post('/api/v1/booking', load)
    await caller.put(`/api/v1/booking/${body.id}/cancel`, {})
    customer.link.restore()
    await isBack(customer)
    await until(() => customer.events.length === 2)
    expect(customer.ids().sort()).toEqual(await idsFor({ role: 'customer', id: 'quiet' }, app))
  })

  it('R7.3 disconnected repeatedly, even during a resume, ends up with every event once', async () => {
    const customer = await connected(await open('customer', 'often'))
    const caller = await createCaller(app.url, 'customer', 'often')
    for (let bytes = 200; bytes < 4_000; bytes += 900) {
      customer.link.sever()
      await until(() => !customer.client.isConnected)
      const { body } = await caller.post('/api/v1/booking', { ...load, notes: String(bytes) })
      await caller.put(`/api/v1/booking/${body.id}/cancel`, {})
      customer.link.cutAfter(bytes)
      customer.link.restore()
      await isBack(customer)
    }
    const expected = await idsFor({ role: 'customer', id: 'often' }, app)
    await until(() => expected.every(id => customer.ids().includes(id)))
    expect(customer.ids().sort()).toEqual(expected)
  })

  it('R7.3 continues in a new client from the point of an earlier one', async () => {
    const first = await connected(await open('customer', 'restarted'))
    const id = await create(first.client)
    await until(() => first.events.length === 1)
    const { point } = first.client
    expect(point).toBe(first.ids()[0])
    first.client.close()
    await (await createCaller(app.url, 'customer', 'restarted')).put(`/api/v1/booking/${id}/cancel`, {})
    const second = await connected(await open('customer', 'restarted', { after: point ?? '' }))
    await until(() => second.events.length === 2) // the last one again, and the one that was missed
    expect(second.ids().sort()).toEqual(await idsFor({ role: 'customer', id: 'restarted' }, app))
  })

  it('R7.3 a watched request: no event of it is missed either', async () => {
    const customer = await open('customer', 'watched')
    const id = await create(customer.client)
    const admin = await connected(await open('admin', 'root'))
    expect(await admin.client.watch(id)).toEqual({ ok: true })
    expect(await admin.client.watch('01890a5d-ac96-774b-bcce-b302099a8057')).toMatchObject({
      ok: false,
      problem: { code: 'NOT_FOUND' },
    })
    admin.link.sever()
    await until(() => !admin.client.isConnected)
    await customer.client.api.cancel(id)
    admin.link.restore()
    const told = (await idsFor({ role: 'customer', id: 'watched' }, app)).filter(one => one.startsWith(id))
    await until(() => told.every(one => admin.ids().includes(one)))
    expect(admin.events.map(event => event.type)).toContain('booking_expired') // as those who were offered it
    await admin.client.unwatch(id)
  })

  it('R7.3 away for longer than events are kept: it gets a resync with the present state', async () => {
    const customer = await connected(await open('customer', 'away'))
    const first = await create(customer.client)
    await until(() => customer.events.length === 1)
    customer.link.sever()
    await until(() => !customer.client.isConnected)
    const caller = await createCaller(app.url, 'customer', 'away')
    await caller.put(`/api/v1/booking/${first}/cancel`, {})
    const { body: second } = await caller.post('/api/v1/booking', { ...load, notes: 'the second' })
    await app.query('delete from outbox where instance = $1', [first])
    await app.query("update events set recorded_at = recorded_at - interval '25 hours' where instance = $1", [
      first,
    ])
    const resyncs: string[][] = []
    customer.client.on('resync', ({ broadcasts }) => resyncs.push(broadcasts.map(({ id }) => id)))
    customer.link.restore()
    await until(() => resyncs.length > 0)
    expect(resyncs).toEqual([[second.id]])
    await customer.client.api.cancel(second.id)
    await until(() =>
      customer.events.some(event => 'broadcastId' in event && event.broadcastId === second.id),
    )
  })
})

describe('R7.2 the client and its token', () => {
  it('R7.2 gets a new one when it has expired, for calls and for the socket', async () => {
    const asked: boolean[] = []
    const heard = await open('customer', 'tokens', {
      token: async ({ isRefused }) => {
        asked.push(isRefused)
        return tokenFor('customer', 'tokens', isRefused ? undefined : -1_000)
      },
    })
    expect((await heard.client.api.listBroadcasts()).ok).toBe(true)
    expect(asked).toEqual([false, true])
    await connected(heard)
    expect(asked.slice(-1)).toEqual([true])
  })

  it('R7.2 gives up without a valid one: a fixed token that is invalid, or a user that is turned off', async () => {
    const fixed = await open('customer', 'fixed', { token: 'nonsense' })
    expect(await fixed.client.connect()).toMatchObject({ ok: false, problem: { code: 'UNAUTHENTICATED' } })
    const admin = await createCaller(app.url, 'admin', 'root')
    const off = await connected(await open('customer', 'off'))
    const refused = new Promise<string>(resolve => off.client.on('refused', ({ code }) => resolve(code)))
    await admin.put('/api/v1/admin/users/customer/off', { active: false })
    expect(await refused).toBe('USER_INACTIVE')
    expect(off.client.isConnected).toBe(false)
  })
})

describe('the client’s calls', () => {
  it('return problems instead of exceptions', async () => {
    const { client } = await open('customer', 'calls')
    const options = { idempotencyKey: 'once' }
    const created = await client.api.createBooking(load, options)
    const again = await client.api.createBooking(load, options)
    expect([created, again]).toMatchObject([{ isReplayed: false }, { isReplayed: true }])
    const id = created.ok ? created.value.id : ''
    expect(await client.api.createBooking({ ...load, trucksNeeded: 2 })).toMatchObject({
      ok: false,
      problem: { code: 'ACTIVE_BROADCAST_EXISTS', status: 409, broadcastId: id },
    })
    expect(await client.api.cancel(id, undefined, { ifVersion: 99 })).toMatchObject({
      ok: false,
      problem: { code: 'STALE_VERSION' },
    })
    expect(await client.api.cancel(id, 'enough')).toMatchObject({ ok: true, value: { outcome: 'applied' } })
    expect(await client.api.retry(id)).toMatchObject({ ok: false, problem: { code: 'NOT_RETRYABLE' } })
    const gone = createClient({ url: 'http://127.0.0.1:1', token: 'x' })
    expect(await gone.api.getBroadcast(id)).toMatchObject({
      ok: false,
      problem: { code: 'NO_ANSWER', status: 0, detail: expect.stringMatching(/^fetch failed: ./) },
    })
  })

  it('R11.2 sign the user out everywhere, and close the client that sent the request', async () => {
    const token = await tokenFor('customer', 'leaves')
    const leaving = await connected(await open('customer', 'leaves', { token }))
    const elsewhere = await connected(await open('customer', 'leaves', { token }))
    const refused: string[] = []
    elsewhere.client.on('refused', ({ code }) => refused.push(code))
    expect(await leaving.client.logout()).toMatchObject({ ok: true, status: 204 })
    expect(leaving.client.isConnected).toBe(false)
    await until(() => refused.length > 0)
    expect(refused).toEqual(['UNAUTHENTICATED'])
    expect(await leaving.client.api.listBroadcasts()).toMatchObject({
      ok: false,
      problem: { code: 'UNAUTHENTICATED', detail: 'The session was ended: sign in again' },
    })
    // Where there is no network, nobody is signed out.
    const fetch = () => Promise.reject(new TypeError('fetch failed'))
    const lonely = await open('customer', 'stays-in', { fetch })
    expect(await lonely.client.logout()).toMatchObject({ ok: false, problem: { code: 'NO_ANSWER' } })
  })

  it('cover the commands of transporters and drivers', async () => {
    const { client: transporter } = await open('transporter', 't-all')
    expect(await transporter.api.putVehicle('v-all', { vehicleType: '32ft', number: 'DL 1' })).toMatchObject({
      ok: true,
      status: 201,
    })
    expect(await transporter.api.putDriver('d-all', { name: 'Asha' })).toMatchObject({
      ok: true,
      value: { id: 'd-all', confirmed: false },
    })
    expect((await transporter.api.setTransporterAvailability(true)).ok).toBe(true)
    const beat = () => ({ lat: 10, lng: 10, vehicleId: 'v-all' })
    const driver = await open('driver', 'd-all', { beat })
    const invited = await driver.client.api.getDriverFleet()
    expect(invited).toMatchObject({ ok: true, value: { transporterId: null, invitations: [{}] } })
    expect(await driver.client.api.joinFleet('t-all')).toMatchObject({
      ok: true,
      value: { transporterId: 't-all', invitations: [] },
    })
    expect((await driver.client.api.setDriverAvailability(true, 'v-all')).ok).toBe(true)
    await connected(driver)
    await until(async () => {
      const found = await transporter.api.getDriver('d-all')
      return found.ok && found.value.isOnline && found.value.location?.lat === 10
    })
    expect(await transporter.api.listDrivers({ assignable: true, limit: 5 })).toMatchObject({
      ok: true,
      value: { items: [{ id: 'd-all' }], nextCursor: null },
    })
    expect(await transporter.api.listVehicles()).toMatchObject({
      ok: true,
      value: { items: [{ id: 'v-all' }] },
    })
    expect(await driver.client.api.listTrips()).toMatchObject({ ok: true, value: { items: [] } })
    expect((await transporter.api.deleteDriver('d-all')).ok).toBe(true)
    expect((await transporter.api.deleteVehicle('v-all')).ok).toBe(true)
  })
})
