import { beforeEach, describe, expect, it } from '@jest/globals'
import { statementsOf } from '../../support/database/statements.js'
import { customer, DROP, northOfPickup, PICKUP, transporter } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { accept, asking, registerTruck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

let customers = 0

const product = await useDispatch()
beforeEach(() => {
  customers++
})

const me = () => customer(`c${customers}`)

describe('a new request', () => {
  it('R1.2 is a booking for one vehicle type and an order for several, unless the form decides', async () => {
    const { dispatch } = product
    const both = { pickup: PICKUP, drop: DROP }
    const truckRequests = [{ vehicleType: '14ft', quantity: 2 }]
    const kindOf = async (made: ReturnType<typeof dispatch.createBroadcast>) =>
      expectOk(await made).broadcast.kind
    const trucks = [
      { vehicleType: '14ft', count: 1 },
      { vehicleType: '20ft', count: 2 },
    ]
    expect(await kindOf(dispatch.createBroadcast(customer('k1'), asking(3)))).toBe('booking')
    expect(await kindOf(dispatch.createBroadcast(customer('k2'), { ...both, trucks }))).toBe('order')
    expect(
      await kindOf(dispatch.createBooking(customer('k3'), { ...both, vehicleType: '14ft', trucksNeeded: 2 })),
    ).toBe('booking')
    expect(await kindOf(dispatch.createOrder(customer('k4'), { ...both, truckRequests }))).toBe('order')
  })

  it('is answered with its content, its deadline, and the possible next events', async () => {
    const body = { ...asking(2), goods: 'Rice', notes: 'Gate 4', pricePerTruck: 900.5 }
    const { broadcast, isNew } = expectOk(await product.dispatch.createBroadcast(me(), body))
    expect(isNew).toBe(true)
    expect(broadcast).toMatchObject({
      status: 'searching',
      version: 1,
      customerId: me().id,
      pickup: PICKUP,
      drop: DROP,
      goods: 'Rice',
      notes: 'Gate 4',
      pricePerTruck: 900.5,
      trucksNeeded: 2,
      trucksFilled: 0,
      trucks: [
        { id: 't1', vehicleType: 'tata_ace', status: 'open' },
        { id: 't2', vehicleType: 'tata_ace', status: 'open' },
      ],
      reach: { step: 1, radiusKm: 10, notified: 0 },
      nextEvents: ['cancel'],
      timeoutSeconds: 600,
      matchingTransportersCount: 0,
    })
    expect(Date.parse(broadcast.expiresAt) - Date.parse(broadcast.createdAt)).toBe(600_000)
    expect(broadcast).not.toHaveProperty('fingerprint')
    expect(expectOk(await product.dispatch.getBroadcast(me(), broadcast.id))).toEqual(
      expect.objectContaining({ id: broadcast.id, version: 1, nextEvents: ['cancel'] }),
    )
  })

  it('R6.1 counts only the transporters that were offered it in the first step', async () => {
    await registerTruck(product, 'first-near', { vehicleType: 'count_me', place: northOfPickup(3) })
    await registerTruck(product, 'first-far', { vehicleType: 'count_me', place: northOfPickup(20) })
    await registerTruck(product, 'first-away', { vehicleType: 'count_me' })
    const { broadcast } = expectOk(await product.dispatch.createBroadcast(me(), asking(1, 'count_me')))
    expect(broadcast.matchingTransportersCount).toBe(1)
    expect(broadcast.reach.notified).toBe(1)
  })

  it('takes at most three round trips, including the offers', async () => {
    await registerTruck(product, 'trips-near', { vehicleType: 'round_trip', place: northOfPickup(1) })
    await product.dispatch.isActive(me())
    await product.settled()
    const { value, statements } = await statementsOf(async () => {
      expect(await product.dispatch.isActive(me())).toBe(true)
      return product.dispatch.createBroadcast(me(), asking(1, 'round_trip'))
    })
    expect(expectOk(value).broadcast.matchingTransportersCount).toBe(1)
    expect(statements.length).toBeLessThanOrEqual(3)
  })

  it('is only for customers', async () => {
    expect(expectProblem(await product.dispatch.createBroadcast(transporter('t1'), asking()))).toBe(
      'FORBIDDEN',
    )
  })
})

describe('a second request of the same customer', () => {
  it('R3.3 with the same payload within ten seconds is the first one, in any form', async () => {
    const { dispatch } = product
    const first = expectOk(await dispatch.createBroadcast(me(), asking(2)))
    const again = expectOk(
      await dispatch.createBooking(me(), {
        drop: DROP,
        pickup: PICKUP,
        trucksNeeded: 2,
        vehicleType: 'tata_ace',
      }),
    )
    expect(again.isNew).toBe(false)
    expect(again.broadcast.id).toBe(first.broadcast.id)
    expect(again.broadcast.version).toBe(1)
  })

  it('R3.3 fifty at once make one request, and every answer names it', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => product.dispatch.createBroadcast(me(), asking(1))),
    )
    const created = answers.map(expectOk)
    expect(new Set(created.map(answer => answer.broadcast.id)).size).toBe(1)
    expect(created.filter(answer => answer.isNew)).toHaveLength(1)
  })

  it('R3.1 with another payload is refused with the id of the active one', async () => {
    const { dispatch } = product
    const first = expectOk(await dispatch.createBroadcast(me(), asking(2)))
    const second = await dispatch.createBroadcast(me(), asking(3))
    expect(second).toEqual({
      ok: false,
      problem: { code: 'ACTIVE_BROADCAST_EXISTS', members: { broadcastId: first.broadcast.id } },
    })
  })

  it('R3.4 is a new one after the first was cancelled, even with the same payload', async () => {
    const { dispatch } = product
    const first = expectOk(await dispatch.createBroadcast(me(), asking(1)))
    expectOk(await dispatch.sendToBroadcast(me(), first.broadcast.id, { type: 'cancel' }))
    const second = expectOk(await dispatch.createBroadcast(me(), asking(1)))
    expect(second.isNew).toBe(true)
    expect(second.broadcast.id).not.toBe(first.broadcast.id)
  })

  it('R3.4 is a new one after the first is full', async () => {
    const truck = await registerTruck(product, 'filler')
    const first = expectOk(await product.dispatch.createBroadcast(me(), asking(1)))
    expectOk(await accept(product, first.broadcast.id, truck))
    expect(expectOk(await product.dispatch.createBroadcast(me(), asking(1))).isNew).toBe(true)
  })
})
