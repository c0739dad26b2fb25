import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { createClient, type Listener, listen } from '../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../support/server/fleet.js'
import { findViolations, startTestApp, type TestApp } from '../support/server/server.js'

/** Short, so that a request is seen to end by itself; long enough for the others to be accepted. */
const TIMEOUT_SECONDS = 1.5

let app: TestApp
const open: Listener[] = []

beforeAll(async () => {
  app = await startTestApp({ env: { BROADCAST_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS) } })
})

afterEach(() => {
  for (const listener of open.splice(0)) listener.close()
})

afterAll(async () => {
  const violations = await findViolations(app.database.connectionString)
  await app.close()
  expect(violations).toEqual([])
})

async function hear(client: { token: string }): Promise<Listener> {
  const listener = await listen(app.url, client.token)
  open.push(listener)
  return listener
}

describe('a request from its beginning', () => {
  test('R1.1 R1.4 R2.4 is offered, accepted, announced to everyone concerned, started and completed', async () => {
    const truck = await registerTruck(app.url, 'good', { isReady: true })
    const customer = await createClient(app.url, 'customer', 'happy')
    const [atCustomer, atTransporter, atDriver] = await Promise.all([
      hear(customer),
      hear(truck.transporter),
      hear(truck.driver),
    ])

    const created = await customer.post('/api/v1/broadcasts', asking(1))
    expect(created.status).toBe(201)
    const { id } = created.body
    expect(created.headers.get('location')).toBe(`/api/v1/broadcasts/${id}`)
    expect(created.headers.get('etag')).toBe('"1"')
    expect(created.body).toMatchObject({
      status: 'searching',
      version: 1,
      trucksNeeded: 1,
      trucksFilled: 0,
      timeoutSeconds: TIMEOUT_SECONDS,
      nextEvents: ['cancel'],
    })

    const offer = await atTransporter.next('new_broadcast')
    expect(offer).toMatchObject({ broadcastId: id, data: { broadcast: { id, status: 'searching' } } })
    const offers = await truck.transporter.get('/api/v1/broadcasts')
    expect(offers.body.items.map((item: { id: string }) => item.id)).toEqual([id])

    const accepted = await truck.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(truck))
    expect(accepted.status).toBe(200)
    const { tripId } = accepted.body.assignment
    const [assigned, confirmed, updated] = await Promise.all([
      atDriver.next('trip_assigned'),
      atCustomer.next('truck_confirmed'),
      atCustomer.next('booking_updated', event => event.data.status === 'fully_filled'),
    ])
    expect(assigned).toMatchObject({
      broadcastId: id,
      tripId,
      data: { trip: { id: tripId, status: 'assigned' } },
    })
    expect(confirmed.data).toMatchObject({
      trip: { id: tripId, driver: { name: 'Asha', phone: '+91 98' }, vehicle: { number: 'DL 1L 4242' } },
    })
    expect(updated).toMatchObject({
      version: accepted.body.version,
      data: { trucksFilled: 1, trucksNeeded: 1 },
    })

    const trip = `/api/v1/trips/${tripId}/events`
    expect((await truck.driver.post(trip, { type: 'start' })).body).toMatchObject({
      trip: { status: 'started' },
    })
    const tooLate = await customer.post(`/api/v1/broadcasts/${id}/events`, { type: 'cancel' })
    expect(tooLate).toMatchObject({ status: 409, body: { code: 'TOO_LATE_TO_CANCEL' } })
    expect((await truck.driver.post(trip, { type: 'complete' })).body).toMatchObject({
      trip: { status: 'completed' },
    })
    expect((await truck.driver.post(trip, { type: 'complete' })).status).not.toBe(500)

    const history = await customer.get(`/api/v1/broadcasts/${id}/history?limit=100`)
    const versions = history.body.items.map((item: { version: number }) => item.version)
    expect(versions).toEqual(versions.map((_: number, i: number) => i + 1))
    expect(versions.length).toBe((await customer.get(`/api/v1/broadcasts/${id}`)).body.version)
  })

  test('R4.3 is cancelled after a truck was found: the driver is informed, and free in the same instant', async () => {
    const truck = await registerTruck(app.url, 'freed', { isReady: true, vehicleType: '20ft' })
    const customer = await createClient(app.url, 'customer', 'cancelling')
    const [atTransporter, atDriver] = await Promise.all([hear(truck.transporter), hear(truck.driver)])
    const { body: first } = await customer.post('/api/v1/booking', {
      pickup: asking(1).pickup,
      drop: asking(1).drop,
      vehicleType: '20ft',
      trucksNeeded: 2,
    })
    const accepted = await truck.transporter.post(`/api/v1/broadcast/${first.id}/accept`, acceptBody(truck))
    const { tripId } = accepted.body.assignment

    const stale = await customer.put(`/api/v1/booking/${first.id}/cancel`, {}, { 'if-match': '"1"' })
    expect(stale).toMatchObject({ status: 412, body: { code: 'STALE_VERSION' } })
    const cancelled = await customer.put(`/api/v1/booking/${first.id}/cancel`, { reason: 'changed plans' })
    expect(cancelled).toMatchObject({
      status: 200,
      body: {
        outcome: 'applied',
        broadcast: { status: 'cancelled' },
        tripsCancelled: [tripId],
        tripsKept: [],
      },
    })
    const again = await customer.put(`/api/v1/booking/${first.id}/cancel`)
    expect(again.body).toMatchObject({ outcome: 'unchanged', version: cancelled.body.version })

    expect(await atDriver.next('trip_cancelled')).toMatchObject({ tripId, data: { title: 'Trip cancelled' } })
    expect((await atTransporter.next('booking_expired')).data).toMatchObject({ reason: 'customer_cancelled' })
    const late = await truck.transporter.post(`/api/v1/broadcast/${first.id}/accept`, acceptBody(truck))
    expect(late).toMatchObject({
      status: 409,
      body: { code: 'BROADCAST_CANCELLED', title: 'Request cancelled' },
    })

    const { body: second } = await customer.post('/api/v1/broadcasts', asking(1, '20ft'))
    expect(second.id).not.toBe(first.id)
    const retaken = await truck.transporter.post(`/api/v1/broadcast/${second.id}/accept`, acceptBody(truck))
    expect(retaken.status).toBe(200)
  })

  test('R3.1 R3.3 a customer has one at a time, and a repeat of the request returns the same', async () => {
    const customer = await createClient(app.url, 'customer', 'impatient')
    const first = await customer.post('/api/v1/broadcasts', asking(1))
    const repeated = await customer.post('/api/v1/broadcasts', asking(1))
    expect(repeated).toMatchObject({ status: 200, body: { id: first.body.id } })
    const other = await customer.post('/api/v1/broadcasts', asking(2))
    expect(other).toMatchObject({
      status: 409,
      body: {
        code: 'ACTIVE_BROADCAST_EXISTS',
        title: 'Request already in progress. Cancel it first.',
        broadcastId: first.body.id,
      },
    })
  })

  test('R5.3 R5.4 expires by itself: customer and transporter are informed, and nothing of it is left', async () => {
    const truck = await registerTruck(app.url, 'slow', { isReady: true, vehicleType: '32ft_mxl' })
    const customer = await createClient(app.url, 'customer', 'unlucky')
    const [atCustomer, atTransporter] = await Promise.all([hear(customer), hear(truck.transporter)])
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1, '32ft_mxl'))
    expect(Date.parse(broadcast.expiresAt) - Date.parse(broadcast.createdAt)).toBe(TIMEOUT_SECONDS * 1000)
    await atTransporter.next('new_broadcast')

    const [ended, gone] = await Promise.all([
      atCustomer.next('no_vehicles_available'),
      atTransporter.next('booking_expired'),
    ])
    expect(ended.data).toMatchObject({ title: 'No transporters found', retry: { href: expect.any(String) } })
    expect(gone).toMatchObject({ broadcastId: broadcast.id, data: { reason: 'timeout' } })
    expect(Date.parse(ended.at)).toBe(Date.parse(broadcast.expiresAt))

    const { body: after } = await customer.get(`/api/v1/broadcasts/${broadcast.id}`)
    expect(after).toMatchObject({ status: 'expired', endReason: 'timeout', nextEvents: [] })
    expect((await truck.transporter.get('/api/v1/broadcasts')).body.items).toEqual([])
    const late = await truck.transporter.post(`/api/v1/broadcast/${broadcast.id}/accept`, acceptBody(truck))
    expect(late).toMatchObject({ status: 409, body: { code: 'BROADCAST_EXPIRED', title: 'Request expired' } })
    expect(await app.query('select * from timers where instance = $1', [broadcast.id])).toEqual([])
    expect(await app.query('select * from claims where instance = $1', [broadcast.id])).toEqual([])
    expect((await customer.post('/api/v1/broadcasts', asking(1, '32ft_mxl'))).status).toBe(201)
  })
})

describe('the process', () => {
  test('reports its state, in JSON and on a page that loads nothing', async () => {
    const health = await fetch(`${app.url}/health`)
    expect(health.status).toBe(200)
    expect(await health.json()).toEqual({
      status: 'ok',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      checks: {
        postgres: {
          status: 'ok',
          ms: expect.any(Number),
          writes: true,
          room: true,
          clockOffsetMs: expect.any(Number),
        },
        redis: expect.objectContaining({ status: 'ok' }),
        migrations: { status: 'ok' },
        timers: { status: 'ok', lagMs: expect.any(Number), dead: 0 },
        outbox: { status: 'ok', lagMs: expect.any(Number) },
        capacity: { status: 'ok', requests: 0, requestsLimit: 2_000, arriving: 0, unread: 0 },
        definitions: { status: 'ok', membership: 'current', writing: { broadcast: 1 } },
      },
    })
    const page = await fetch(`${app.url}/`)
    const html = await page.text()
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(html).toContain('Loadcast')
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//)
  })
})
