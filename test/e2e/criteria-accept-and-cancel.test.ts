import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { until } from '../support/engine/engine.js'
import { type Answer, createClient, type Listener, listen } from '../support/server/clients.js'
import { acceptBody, asking, DROP, PICKUP, registerTruck } from '../support/server/fleet.js'
import { startTwoServers, type TwoServers } from '../support/server/two-servers.js'

/* The owner's criteria P1.1 to P1.5, over HTTP, each on two processes that share one database. */

let servers: TwoServers
const open: Listener[] = []

beforeAll(async () => {
  servers = await startTwoServers()
})
afterEach(() => {
  for (const listener of open.splice(0)) listener.close()
})
afterAll(async () => {
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

/** The same user, asking the other process. */
async function across(client: { readonly id: string }, role: 'customer' | 'transporter') {
  return createClient(other(), role, client.id)
}

const codeOf = ({ status, body }: Answer) => ({ status, code: body.code, title: body.title })

describe('two accepts at once', () => {
  test('P1.1 R2.1 one truck, one accept on each process: one acceptance, "No longer available" to the other', async () => {
    for (let round = 0; round < 10; round++) {
      const [left, right] = await Promise.all([
        registerTruck(home(), `p11-left-${round}`),
        registerTruck(other(), `p11-right-${round}`),
      ])
      const customer = await createClient(home(), 'customer', `p11-${round}`)
      const { body: request } = await customer.post('/api/v1/broadcasts', asking(1))
      const path = `/api/v1/broadcast/${request.id}/accept`

      const answers = await Promise.all(
        [left, right].map(truck => truck.transporter.post(path, acceptBody(truck))),
      )

      const won = answers.filter(answer => answer.status === 200)
      expect(won).toHaveLength(1)
      expect(won[0]?.body).toMatchObject({ outcome: 'applied', assignment: { isFullyFilled: true } })
      expect(answers.filter(answer => answer.status !== 200).map(codeOf)).toEqual([
        { status: 409, code: 'NO_LONGER_AVAILABLE', title: 'No longer available' },
      ])
      const trips = await servers.query('select id, status from trips where instance = $1', [request.id])
      expect(trips).toEqual([{ id: won[0]?.body.assignment.tripId, status: 'assigned' }])
      const claims = await servers.query<{ key: string }>(
        'select key from claims where instance = $1 order by key',
        [request.id],
      )
      const winner = answers[0]?.status === 200 ? left : right
      expect(claims.map(claim => claim.key)).toEqual([
        `driver:${winner.driverId}`,
        `vehicle:${winner.vehicleId}`,
      ])
    }
  })

  test('P1.1 R2.1 thirty for ten trucks, half of them on each process: ten trips, of ten transporters', async () => {
    const trucks = await Promise.all(
      Array.from({ length: 30 }, (_, i) => registerTruck(servers.urls[i % 2 === 0 ? 0 : 1], `p11-many-${i}`)),
    )
    const customer = await createClient(other(), 'customer', 'p11-many')
    const { body: request } = await customer.post('/api/v1/broadcasts', asking(10))
    const path = `/api/v1/broadcast/${request.id}/accept`

    const answers = await Promise.all(trucks.map(truck => truck.transporter.post(path, acceptBody(truck))))

    const won = answers.filter(answer => answer.status === 200)
    expect(won).toHaveLength(10)
    expect(new Set(won.map(answer => answer.body.assignment.truckId)).size).toBe(10)
    expect(new Set(won.map(answer => answer.body.version)).size).toBe(10)
    expect(new Set(answers.filter(answer => answer.status !== 200).map(answer => answer.body.code))).toEqual(
      new Set(['NO_LONGER_AVAILABLE']),
    )
    const trips = await servers.query('select transporter_id from trips where instance = $1', [request.id])
    expect(new Set(trips.map(trip => trip.transporter_id)).size).toBe(10)
  })
})

describe('a second search', () => {
  test('P1.2 R3.1 on either path and either process: "Request already in progress. Cancel it first."', async () => {
    const customer = await createClient(home(), 'customer', 'p12')
    const there = await across(customer, 'customer')
    const first = await customer.post('/api/v1/broadcasts', asking(2))
    expect(first.status).toBe(201)

    const booking = { pickup: PICKUP, drop: DROP, vehicleType: '20ft', trucksNeeded: 1 }
    const order = { pickup: PICKUP, drop: DROP, truckRequests: [{ vehicleType: '20ft', quantity: 1 }] }
    for (const client of [customer, there]) {
      for (const [path, body] of [
        ['/api/v1/booking', booking],
        ['/api/v1/orders', order],
        ['/api/v1/broadcasts', asking(3)],
      ] as const) {
        const second = await client.post(path, body)
        expect(codeOf(second)).toEqual({
          status: 409,
          code: 'ACTIVE_BROADCAST_EXISTS',
          title: 'Request already in progress. Cancel it first.',
        })
        expect(second.body.broadcastId).toBe(first.body.id)
      }
    }

    // A request that has some of its trucks is in progress, too.
    const truck = await registerTruck(other(), 'p12')
    const accepted = await truck.transporter.post(
      `/api/v1/broadcast/${first.body.id}/accept`,
      acceptBody(truck),
    )
    expect(accepted.body.broadcast.status).toBe('partially_filled')
    expect((await there.post('/api/v1/booking', booking)).status).toBe(409)

    // And it does as the sentence says.
    expect((await there.put(`/api/v1/booking/${first.body.id}/cancel`)).status).toBe(200)
    expect((await customer.post('/api/v1/orders', order)).status).toBe(201)
  })
})

describe('different customers', () => {
  test('P1.3 R3.2 forty at once on two processes: none is blocked, each has its own request', async () => {
    const customers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        createClient(servers.urls[i % 2 === 0 ? 0 : 1], 'customer', `p13-${i}`),
      ),
    )
    const answers = await Promise.all(
      customers.map((customer, i) =>
        i % 4 < 2
          ? customer.post('/api/v1/broadcasts', asking(1))
          : customer.post('/api/v1/booking', {
              pickup: PICKUP,
              drop: DROP,
              vehicleType: '14ft',
              trucksNeeded: 1,
            }),
      ),
    )
    expect(answers.map(answer => answer.status)).toEqual(answers.map(() => 201))
    expect(new Set(answers.map(answer => answer.body.id)).size).toBe(40)
    expect(answers.map(answer => answer.body.customerId)).toEqual(customers.map(customer => customer.id))
  })
})

describe('a cancel', () => {
  const ROUNDS = 20

  test('P1.4 R4.2 beats a simultaneous accept on the other process: "Request cancelled", not "Accepted"', async () => {
    const truck = await registerTruck(home(), 'p14', { isReady: true, vehicleType: 'p14' })
    const [atTransporter, atDriver] = await Promise.all([hear(truck.transporter), hear(truck.driver)])
    const transporterThere = await across(truck.transporter, 'transporter')
    const seen = { before: 0, after: 0 }
    for (let round = 0; round < ROUNDS; round++) {
      const customer = await createClient(home(), 'customer', `p14-${round}`)
      const { body: request } = await customer.post('/api/v1/broadcasts', asking(2, 'p14'))
      await atTransporter.next('new_broadcast', event => event.broadcastId === request.id)
      const accept = () => transporterThere.post(`/api/v1/broadcast/${request.id}/accept`, acceptBody(truck))
      const cancel = () => customer.put(`/api/v1/booking/${request.id}/cancel`)

      const [accepted, cancelled] = await Promise.all(
        round % 2 === 0 ? [accept(), cancel()] : [cancel(), accept()].reverse(),
      )
      if (accepted === undefined || cancelled === undefined) throw new Error('two were sent')

      expect(cancelled).toMatchObject({ status: 200, body: { broadcast: { status: 'cancelled' } } })
      if (accepted.status === 200) {
        seen.before++
        // It came an instant earlier, and is reverted.
        expect(accepted.body.version).toBeLessThan(cancelled.body.version)
        expect(cancelled.body.tripsCancelled).toEqual([accepted.body.assignment.tripId])
      } else {
        seen.after++
        expect(codeOf(accepted)).toEqual({
          status: 409,
          code: 'BROADCAST_CANCELLED',
          title: 'Request cancelled',
        })
        expect(cancelled.body.tripsCancelled).toEqual([])
      }
      // Later callers get the same answer, on both processes.
      for (const transporter of [truck.transporter, transporterThere]) {
        const late = await transporter.post(`/api/v1/broadcast/${request.id}/accept`, acceptBody(truck))
        expect(codeOf(late)).toMatchObject({ code: 'BROADCAST_CANCELLED', title: 'Request cancelled' })
      }
      const ended = await atTransporter.next('booking_expired', event => event.broadcastId === request.id)
      expect(ended.data).toMatchObject({ title: 'Request cancelled', reason: 'customer_cancelled' })
      const shown = await truck.transporter.get(`/api/v1/broadcasts/${request.id}`)
      expect(shown.body).toMatchObject({ status: 'cancelled', trucksFilled: 0 })
      const driver = await truck.transporter.get(`/api/v1/transporter/drivers/${truck.driverId}`)
      expect(driver.body.isBusy).toBe(false)
    }
    // The cancel's own process tells; it tells every driver whose trip it ended, and nobody else.
    await servers.delivered()
    const told = () => atDriver.events.filter(event => event.type === 'trip_cancelled').length
    await until(() => told() >= seen.before)
    expect(told()).toBe(seen.before)
    expect(seen.before + seen.after).toBe(ROUNDS)
  })
})

describe('a double tap', () => {
  test('P1.5 R3.3 or ten taps, over both processes and several forms: one request, and every answer names it', async () => {
    for (let round = 0; round < 3; round++) {
      const customer = await createClient(home(), 'customer', `p15-${round}`)
      const there = await across(customer, 'customer')
      const booking = { pickup: PICKUP, drop: DROP, vehicleType: '14ft', trucksNeeded: 1 }
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) => {
          const client = i % 2 === 0 ? customer : there
          return i % 4 < 2
            ? client.post('/api/v1/broadcasts', asking(1))
            : client.post('/api/v1/booking', booking)
        }),
      )
      expect(new Set(answers.map(answer => answer.body.id)).size).toBe(1)
      expect(answers.map(answer => answer.status).sort()).toEqual([...Array(9).fill(200), 201])
      const stored = await servers.query('select id from instances where owner = $1', [customer.id])
      expect(stored).toEqual([{ id: answers[0]?.body.id }])
    }
  })

  test('P1.5 R3.3 a retry by an app that lost the answer, on the other process: the same request', async () => {
    const customer = await createClient(home(), 'customer', 'p15-lost')
    const first = await customer.post('/api/v1/broadcasts', asking(1))
    const again = await (await across(customer, 'customer')).post('/api/v1/broadcasts', asking(1))
    expect(again).toMatchObject({ status: 200, body: { id: first.body.id, version: 1 } })
    expect(again.headers.get('location')).toBe(first.headers.get('location'))

    // One that has ended never answers for a new one.
    expect((await customer.put(`/api/v1/booking/${first.body.id}/cancel`)).status).toBe(200)
    const anew = await (await across(customer, 'customer')).post('/api/v1/broadcasts', asking(1))
    expect(anew.status).toBe(201)
    expect(anew.body.id).not.toBe(first.body.id)
  })
})
