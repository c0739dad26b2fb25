import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createClient } from '../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../support/server/fleet.js'
import { findViolations, startTestApp, type TestApp } from '../support/server/server.js'

const RACERS = 30

let app: TestApp

beforeAll(async () => {
  app = await startTestApp()
})

afterAll(() => app.close())

describe('R2.1 thirty simultaneous accepts of one truck, over HTTP', () => {
  test('one wins; the others read "No longer available"; there is one trip', async () => {
    const names = Array.from({ length: RACERS }, (_, i) => `racer-${i}`)
    const trucks = await Promise.all(names.map(name => registerTruck(app.url, name)))
    const customer = await createClient(app.url, 'customer', 'raced-for')
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))

    const answers = await Promise.all(
      trucks.map(truck =>
        truck.transporter.post(`/api/v1/broadcast/${broadcast.id}/accept`, acceptBody(truck)),
      ),
    )

    const won = answers.filter(answer => answer.status === 200)
    const lost = answers.filter(answer => answer.status !== 200)
    expect(won).toHaveLength(1)
    expect(won[0]?.body).toMatchObject({
      outcome: 'applied',
      broadcast: { status: 'fully_filled', trucksFilled: 1 },
      assignment: { trucksConfirmed: 1, isFullyFilled: true },
    })
    expect(lost).toHaveLength(RACERS - 1)
    for (const { status, body } of lost) {
      expect({ status, code: body.code, title: body.title }).toEqual({
        status: 409,
        code: 'NO_LONGER_AVAILABLE',
        title: 'No longer available',
      })
    }
    const trips = await app.query<{ id: string }>('select id, status from trips')
    expect(trips).toEqual([{ id: won[0]?.body.assignment.tripId, status: 'assigned' }])
    expect(await findViolations(app.database.connectionString)).toEqual([])
  })

  test('thirty for ten trucks: ten trips, of ten different transporters', async () => {
    const names = Array.from({ length: RACERS }, (_, i) => `many-${i}`)
    const trucks = await Promise.all(names.map(name => registerTruck(app.url, name, { vehicleType: '20ft' })))
    const customer = await createClient(app.url, 'customer', 'raced-for-ten')
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(10, '20ft'))

    const answers = await Promise.all(
      trucks.map(truck =>
        truck.transporter.post(`/api/v1/broadcast/${broadcast.id}/accept`, acceptBody(truck)),
      ),
    )

    const statuses = answers.map(answer => answer.status).sort()
    expect(statuses).toEqual([...Array(10).fill(200), ...Array(20).fill(409)])
    const versions = answers.filter(answer => answer.status === 200).map(answer => answer.body.version)
    expect(new Set(versions).size).toBe(10)
    const trips = await app.query('select transporter_id from trips where instance = $1', [broadcast.id])
    expect(new Set(trips.map(trip => trip.transporter_id)).size).toBe(10)
    expect(await findViolations(app.database.connectionString)).toEqual([])
  })

  test('one driver for two requests at once: one wins, the other truck stays open', async () => {
    const truck = await registerTruck(app.url, 'twice', { vehicleType: 'tata_ace' })
    const customers = await Promise.all(
      ['x', 'y'].map(id => createClient(app.url, 'customer', `twice-${id}`)),
    )
    const broadcasts = await Promise.all(
      customers.map(
        async customer => (await customer.post('/api/v1/broadcasts', asking(1, 'tata_ace'))).body,
      ),
    )

    const answers = await Promise.all(
      broadcasts.map(({ id }) => truck.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(truck))),
    )

    expect(answers.map(answer => answer.body.code ?? 'accepted').sort()).toEqual(['DRIVER_BUSY', 'accepted'])
    const loser = answers.findIndex(answer => answer.status !== 200)
    const { body: open } = (await customers[loser]?.get(`/api/v1/broadcasts/${broadcasts[loser].id}`)) ?? {}
    expect(open).toMatchObject({ status: 'searching', trucks: [{ status: 'open' }] })
  })
})
