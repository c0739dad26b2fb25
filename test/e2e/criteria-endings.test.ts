import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { until } from '../support/engine/engine.js'
import { type BothEars, hearBoth } from '../support/network/hear-both.js'
import { type Client, createClient, type Listener, listen } from '../support/server/clients.js'
import { acceptBody, asking, registerTruck, type Truck } from '../support/server/fleet.js'
import { startTwoServers, type TwoServers } from '../support/server/two-servers.js'

/*
 * The owner's criteria P2.1, P2.4 and P2.5 over HTTP and sockets, on two processes that share one database. Without
 * Redis only a timer, a claim or an undelivered event could linger. The tests wait for deadlines together.
 */

/** Short, so that requests are seen to end by themselves; long enough to be accepted before. */
const TIMEOUT_SECONDS = 3
const CANCEL_WINDOW_SECONDS = 2
/** "Within seconds", on a machine that has other things to do. */
const PATIENCE_MS = 15_000

let servers: TwoServers
const open: (Listener | BothEars)[] = []

beforeAll(async () => {
  servers = await startTwoServers({
    BROADCAST_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS),
    CANCEL_WINDOW_SECONDS: String(CANCEL_WINDOW_SECONDS),
  })
})
afterAll(async () => {
  for (const listener of open) listener.close()
  await servers.delivered()
  const faults = await servers.faults()
  await servers.close()
  expect(faults).toEqual([])
})

const home = () => servers.home.url
const other = () => servers.other.url

async function hear(client: { token: string }): Promise<Listener> {
  const listener = await listen(home(), client.token)
  open.push(listener)
  return listener
}

async function hearAnywhere(client: Client): Promise<BothEars> {
  const ears = await hearBoth(servers.urls, client)
  open.push(ears)
  return ears
}

const statusOf = async (id: string) =>
  (await servers.query<{ status: string }>('select status from instances where id = $1', [id]))[0]?.status

/** All that the database still holds of a request beside its past. */
async function leftOf(id: string): Promise<readonly string[]> {
  const rows = await servers.query<{ what: string }>(
    `select 'timer ' || send_id as what from timers where instance = $1
     union all select key from claims where instance = $1
     union all select 'outbox ' || subscriber from outbox where instance = $1
     order by what`,
    [id],
  )
  return rows.map(row => row.what)
}

async function expectLeft(id: string, expected: readonly string[]): Promise<void> {
  await until(async () => (await leftOf(id)).join() === expected.join(), PATIENCE_MS).catch(() => {})
  expect(await leftOf(id)).toEqual(expected)
}

const claimsOf = ({ driverId, vehicleId }: Truck) => [`driver:${driverId}`, `vehicle:${vehicleId}`]

/** A customer, its request for `count` trucks, and as many trucks as accepted it, each on the next process. */
async function asked(name: string, { count = 1, accepting = 0 } = {}) {
  const customer = await createClient(home(), 'customer', name)
  const trucks = await Promise.all(
    Array.from({ length: accepting }, (_, i) =>
      registerTruck(servers.urls[i % 2 === 0 ? 1 : 0], `${name}-${i}`),
    ),
  )
  const { body: request, status } = await customer.post('/api/v1/broadcasts', asking(count))
  expect(status).toBe(201)
  const trips: string[] = []
  for (const truck of trucks) {
    const path = `/api/v1/broadcast/${request.id}/accept`
    const { body } = await truck.transporter.post(path, acceptBody(truck))
    trips.push(body.assignment.tripId)
  }
  return { customer, id: request.id as string, trucks, trips }
}

const cancel = (customer: Client, id: string) => customer.put(`/api/v1/booking/${id}/cancel`)

async function complete(truck: Truck, tripId: string): Promise<void> {
  const path = `/api/v1/trips/${tripId}/events`
  expect((await truck.driver.post(path, { type: 'start' })).status).toBe(200)
  expect((await truck.transporter.post(path, { type: 'complete' })).status).toBe(200)
}

describe('after any end', () => {
  test.concurrent('P2.1 R5.4 a cancel during the search leaves nothing', async () => {
    const { customer, id } = await asked('p21-cancelled', { count: 2 })
    expect((await leftOf(id)).join()).toMatch(/customer:p21-cancelled.*timer .*timer /)
    expect((await cancel(customer, id)).status).toBe(200)
    await expectLeft(id, [])
  })

  test.concurrent('P2.1 R5.4 a cancel with a truck found leaves nothing', async () => {
    const { customer, id } = await asked('p21-partly', { count: 2, accepting: 1 })
    expect((await cancel(customer, id)).status).toBe(200)
    await expectLeft(id, [])
  })

  test.concurrent('P2.1 R5.4 a cancel of a full request leaves nothing, not even its cancel window', async () => {
    const { customer, id } = await asked('p21-revoked', { count: 2, accepting: 2 })
    expect((await cancel(customer, id)).status).toBe(200)
    await expectLeft(id, [])
  })

  test.concurrent('P2.1 R5.4 a full request leaves its drivers busy, and nothing after the last delivery', async () => {
    const { id, trucks, trips } = await asked('p21-full', { count: 2, accepting: 2 })
    const [first, second] = trucks as [Truck, Truck]
    await expectLeft(id, [...claimsOf(first), ...claimsOf(second)].sort())
    await complete(first, trips[0] ?? '')
    await expectLeft(id, claimsOf(second))
    await complete(second, trips[1] ?? '')
    await expectLeft(id, [])
  })

  test.concurrent('P2.1 R5.4 a timeout with no truck leaves nothing', async () => {
    const { id } = await asked('p21-none')
    await until(async () => (await statusOf(id)) === 'expired', PATIENCE_MS)
    await expectLeft(id, [])
  })

  test.concurrent('P2.1 R5.4 a timeout with some trucks leaves their drivers busy until they have delivered', async () => {
    const { id, trucks, trips } = await asked('p21-some', { count: 2, accepting: 1 })
    const [truck] = trucks as [Truck]
    await until(async () => (await statusOf(id)) === 'expired', PATIENCE_MS)
    await expectLeft(id, claimsOf(truck))
    await complete(truck, trips[0] ?? '')
    await expectLeft(id, [])
  })

  test.concurrent('P2.1 R5.4 a truck released after the request was full leaves nothing', async () => {
    const { id, trucks, trips } = await asked('p21-released', { accepting: 1 })
    const path = `/api/v1/trips/${trips[0]}/events`
    expect((await trucks[0]?.transporter.post(path, { type: 'release' }))?.status).toBe(200)
    expect(await statusOf(id)).toBe('expired')
    await expectLeft(id, [])
  })

  test.concurrent('P2.1 R5.4 a retry leaves only the mark that its request was retried', async () => {
    const { customer, id } = await asked('p21-retried')
    await until(async () => (await statusOf(id)) === 'expired', PATIENCE_MS)
    const { body: retried } = await customer.post(`/api/v1/broadcasts/${id}/retry`)
    expect((await cancel(customer, retried.id)).status).toBe(200)
    await expectLeft(id, [])
    // It binds no customer, driver or vehicle: a second retry finds it.
    await expectLeft(retried.id, [`retry:${id}`])
  })
})

describe('at the deadline', () => {
  test.concurrent('P2.4 R5.3 with no truck: "No transporters found", a retry that works, and no entry in any list', async () => {
    const truck = await registerTruck(home(), 'p24', { isReady: true, vehicleType: 'p24' })
    const customer = await createClient(home(), 'customer', 'p24')
    const there = await createClient(other(), 'customer', 'p24')
    const [atCustomer, atTransporter] = await Promise.all([
      hearAnywhere(customer),
      hearAnywhere(truck.transporter),
    ])
    const { body: request } = await customer.post('/api/v1/booking', {
      ...asking(1),
      trucks: undefined,
      vehicleType: 'p24',
      trucksNeeded: 1,
    })
    const isOurs = (event: { broadcastId?: string }) => event.broadcastId === request.id
    await atTransporter.next('new_broadcast', isOurs)
    const offers = async () => {
      const { body } = await truck.transporter.get('/api/v1/broadcasts')
      return body.items.map((item: { id: string }) => item.id)
    }
    expect(await offers()).toEqual([request.id])

    const [ended, gone] = await Promise.all([
      atCustomer.next('no_vehicles_available', isOurs, PATIENCE_MS),
      atTransporter.next('booking_expired', isOurs, PATIENCE_MS),
    ])
    expect(ended.data).toMatchObject({
      title: 'No transporters found',
      retry: { href: `/api/v1/broadcasts/${request.id}/retry` },
    })
    expect(gone.data).toEqual({ title: 'Request expired', reason: 'timeout' })
    expect(await offers()).toEqual([])
    const late = await truck.transporter.post(`/api/v1/broadcast/${request.id}/accept`, acceptBody(truck))
    expect(late.body).toMatchObject({ code: 'BROADCAST_EXPIRED', title: 'Request expired' })
    expect(atCustomer.events().filter(event => event.type === 'booking_expired')).toEqual([])

    const { href } = ended.data.retry as { href: string }
    const retried = await customer.post(href)
    expect(retried).toMatchObject({
      status: 201,
      body: { status: 'searching', kind: 'booking', trucksNeeded: 1 },
    })
    await atTransporter.next('new_broadcast', event => event.broadcastId === retried.body.id)
    expect(await there.post(href)).toMatchObject({ status: 200, body: { id: retried.body.id } })
    const path = `/api/v1/broadcast/${retried.body.id}/accept`
    expect((await truck.transporter.post(path, acceptBody(truck))).status).toBe(200)
    expect(await there.post(href)).toMatchObject({ status: 409, body: { code: 'NOT_RETRYABLE' } })
  })

  test.concurrent('P2.4 R5.3 with some trucks: "Request expired", found trucks stay, the retry requests the missing ones', async () => {
    const truck = await registerTruck(home(), 'p24-some', { isReady: true, vehicleType: 'p24_some' })
    const loser = await registerTruck(home(), 'p24-loser', { isReady: true, vehicleType: 'p24_some' })
    const customer = await createClient(other(), 'customer', 'p24-some')
    const [atCustomer, atLoser] = await Promise.all([hearAnywhere(customer), hearAnywhere(loser.transporter)])
    const there = await createClient(home(), 'customer', 'p24-some')
    const { body: request } = await there.post('/api/v1/orders', {
      ...asking(1),
      trucks: undefined,
      truckRequests: [
        { vehicleType: 'p24_some', quantity: 2 },
        { vehicleType: 'p24_rare', quantity: 1 },
      ],
    })
    const isOurs = (event: { broadcastId?: string }) => event.broadcastId === request.id
    await atLoser.next('new_broadcast', isOurs)
    const accepted = await truck.transporter.post(`/api/v1/broadcast/${request.id}/accept`, acceptBody(truck))
    const { tripId } = accepted.body.assignment

    const [ended, gone] = await Promise.all([
      atCustomer.next('booking_expired', isOurs, PATIENCE_MS),
      atLoser.next('booking_expired', isOurs, PATIENCE_MS),
    ])
    expect(ended.data).toMatchObject({ title: 'Request expired', trucksFilled: 1, trucksNeeded: 3 })
    expect(gone.data).toEqual({ title: 'Request expired', reason: 'timeout' })
    expect(atCustomer.events().filter(event => event.type === 'no_vehicles_available')).toEqual([])
    expect((await customer.get(`/api/v1/trips/${tripId}`)).body.status).toBe('assigned')

    const retried = await customer.post((ended.data.retry as { href: string }).href)
    expect(retried).toMatchObject({ status: 201, body: { kind: 'order', trucksNeeded: 2 } })
    expect(retried.body.trucks.map((t: { vehicleType: string }) => t.vehicleType).sort()).toEqual([
      'p24_rare',
      'p24_some',
    ])
  })
})

describe('a cancel with a driver assigned', () => {
  test.concurrent('P2.5 R4.3 "Trip cancelled" to the driver, which is free at once, with no assignment left behind', async () => {
    const truck = await registerTruck(home(), 'p25', { isReady: true, vehicleType: 'p25' })
    const loser = await registerTruck(home(), 'p25-loser', { isReady: true, vehicleType: 'p25' })
    const stranger = await registerTruck(home(), 'p25-stranger', { isReady: true, vehicleType: 'p25_not' })
    const customer = await createClient(home(), 'customer', 'p25')
    const [atDriver, atTransporter, atLoser, atStranger] = await Promise.all([
      hear(truck.driver),
      hear(truck.transporter),
      hear(loser.transporter),
      hear(stranger.transporter),
    ])
    const there = await createClient(other(), 'transporter', truck.transporter.id)
    const { body: request } = await customer.post('/api/v1/broadcasts', asking(2, 'p25'))
    const isOurs = (event: { broadcastId?: string }) => event.broadcastId === request.id
    await Promise.all([atTransporter.next('new_broadcast', isOurs), atLoser.next('new_broadcast', isOurs)])
    const accepted = await there.post(`/api/v1/broadcast/${request.id}/accept`, acceptBody(truck))
    const { tripId } = accepted.body.assignment
    const isBusy = async (client: Client) =>
      (await client.get(`/api/v1/transporter/drivers/${truck.driverId}`)).body.isBusy
    expect([await isBusy(there), await isBusy(truck.transporter)]).toEqual([true, true])

    const cancelled = await cancel(customer, request.id)
    expect(cancelled).toMatchObject({ status: 200, body: { tripsCancelled: [tripId], tripsKept: [] } })

    // Free at once, on both processes: another customer's request may have the driver right away.
    const next = await createClient(other(), 'customer', 'p25-next')
    const { body: second } = await next.post('/api/v1/broadcasts', asking(1, 'p25'))
    const retaken = await there.post(`/api/v1/broadcast/${second.id}/accept`, acceptBody(truck))
    expect(retaken.status).toBe(200)
    expect((await cancel(next, second.id)).status).toBe(200)
    expect([await isBusy(there), await isBusy(truck.transporter)]).toEqual([false, false])

    expect((await atDriver.next('trip_cancelled', isOurs)).data).toMatchObject({
      title: 'Trip cancelled',
      trip: { id: tripId, status: 'cancelled' },
    })
    expect((await atTransporter.next('trip_cancelled', isOurs)).data.title).toBe('Trip cancelled')
    for (const ear of [atTransporter, atLoser]) {
      expect((await ear.next('booking_expired', isOurs)).data).toEqual({
        title: 'Request cancelled',
        reason: 'customer_cancelled',
      })
    }
    await servers.delivered()
    expect(atStranger.events.filter(isOurs)).toEqual([])

    const dangling = await servers.query(
      "select id from trips where driver_id = $1 and status in ('assigned', 'started')",
      [truck.driverId],
    )
    expect(dangling).toEqual([])
    const trip = await truck.driver.get(`/api/v1/trips/${tripId}`)
    expect(trip.body.status).toBe('cancelled')
    const start = await truck.driver.post(`/api/v1/trips/${tripId}/events`, { type: 'start' })
    expect(start).toMatchObject({ status: 409, body: { title: 'Request cancelled' } })
  })

  test.concurrent('P2.5 R4.3 a driver that has started keeps its trip and gets no event', async () => {
    const { customer, id, trucks, trips } = await asked('p25-started', { count: 3, accepting: 2 })
    const [started, assigned] = trucks as [Truck, Truck]
    const [startedTrip, assignedTrip] = trips as [string, string]
    const [atStarted, atAssigned] = await Promise.all([hear(started.driver), hear(assigned.driver)])
    await started.driver.post(`/api/v1/trips/${startedTrip}/events`, { type: 'start' })
    const cancelled = await cancel(customer, id)
    expect(cancelled.body).toMatchObject({ tripsCancelled: [assignedTrip], tripsKept: [startedTrip] })
    await atAssigned.next('trip_cancelled')
    expect(atStarted.events.map(event => event.type)).not.toContain('trip_cancelled')
    await expectLeft(id, claimsOf(started))
  })
})
