import { afterEach, describe, expect, it } from '@jest/globals'
import { broadcastRoom, personRoom } from '../../../src/dispatch/ports.js'
import { useDatabase } from '../../support/database/use-database.js'
import { openDispatch, type Product } from '../../support/engine/dispatch.js'
import { until } from '../../support/engine/engine.js'
import { customer, northOfPickup } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { timeIsUp } from '../../support/engine/time-is-up.js'
import { accept, asking, registerTruck } from '../../support/engine/trucks.js'

const { connectionString } = await useDatabase()
let product: Product

afterEach(() => product.close())

/** Fires no timers until its engine is started. */
function open(settings: Parameters<typeof openDispatch>[1] = {}) {
  product = openDispatch(connectionString, settings)
}

describe('R5.3 at the deadline', () => {
  it('with no truck found the customer is informed and may retry; transporters see it end', async () => {
    open()
    const truck = await registerTruck(product, 'asked', { vehicleType: 'x', place: northOfPickup(1) })
    const me = customer('c-none')
    const { id } = expectOk(await product.dispatch.createBroadcast(me, asking(1, 'x'))).broadcast
    const { fanout } = product
    await product.settled()
    await timeIsUp(product, id)
    await until(() => fanout.heard(personRoom(me), 'no_vehicles_available').length > 0)
    expect(fanout.heard(personRoom(me), 'no_vehicles_available').map(envelope => envelope.data)).toEqual([
      {
        title: 'No transporters found',
        status: 'expired',
        trucksFilled: 0,
        trucksNeeded: 1,
        retry: { href: `/api/v1/broadcasts/${id}/retry` },
      },
    ])
    expect(fanout.heard(personRoom(me), 'booking_expired')).toEqual([])
    expect(fanout.heard(personRoom(truck.caller), 'booking_expired').map(e => e.data)).toEqual([
      { title: 'Request expired', reason: 'timeout' },
    ])
    expect(fanout.heard(broadcastRoom(id), 'booking_expired')).toHaveLength(1)
    expect(expectOk(await product.dispatch.listBroadcasts(truck.caller, { limit: 5 })).items).toEqual([])
    expect(expectProblem(await accept(product, id, truck))).toBe('BROADCAST_EXPIRED')
    for (const table of ['timers', 'claims']) {
      const { rows } = await product.sql.query(`select * from ${table} where instance = $1`, [id])
      expect(rows).toEqual([])
    }
  })

  it('with some trucks found these stay, and the customer is informed that the request expired', async () => {
    open()
    const truck = await registerTruck(product, 'stands')
    const me = customer('c-some')
    const { id } = expectOk(await product.dispatch.createBroadcast(me, asking(2))).broadcast
    expectOk(await accept(product, id, truck))
    const { fanout } = product
    await timeIsUp(product, id)
    await until(() => fanout.heard(personRoom(me), 'booking_expired').length > 0)
    expect(fanout.heard(personRoom(me), 'booking_expired').map(envelope => envelope.data)).toEqual([
      expect.objectContaining({ title: 'Request expired', trucksFilled: 1, retry: expect.anything() }),
    ])
    expect(fanout.heard(personRoom(me), 'no_vehicles_available')).toEqual([])
    expect(expectOk(await product.dispatch.getBroadcast(me, id))).toMatchObject({
      status: 'expired',
      endReason: 'timeout',
      trucksFilled: 1,
      nextEvents: ['cancel'],
    })
  })

  it('R2.2 an accept is refused even if the timer has not fired', async () => {
    product = openDispatch(connectionString, { broadcastTimeoutMs: 50 })
    const truck = await registerTruck(product, 'late')
    const { id, expiresAt } = expectOk(
      await product.dispatch.createBroadcast(customer('c-late'), asking()),
    ).broadcast
    await until(() => product.engine.now() >= Date.parse(expiresAt))
    expect(expectProblem(await accept(product, id, truck))).toBe('BROADCAST_EXPIRED')
    expect(expectOk(await product.dispatch.getBroadcast(customer('c-late'), id)).status).toBe('searching')
  })
})

describe('step by step', () => {
  it('R6.1 the reach widens by its timer, until every transporter is reached', async () => {
    open({ reachStepMs: 150, reachStepsKm: [10, 50] })
    const far = await registerTruck(product, 'far', { vehicleType: 'y', place: northOfPickup(40) })
    const distant = await registerTruck(product, 'distant', { vehicleType: 'y', place: northOfPickup(400) })
    const me = customer('c-steps')
    const made = expectOk(await product.dispatch.createBroadcast(me, asking(1, 'y'))).broadcast
    expect(made.matchingTransportersCount).toBe(0)
    await product.engine.start()
    const stepsOf = async () => {
      const { rows } = await product.sql.query(
        'select transporter_id, step from recipients where broadcast_id = $1 order by offered_at',
        [made.id],
      )
      return rows.map(row => [row.transporter_id, row.step])
    }
    await until(async () => (await stepsOf()).length === 2)
    expect(await stepsOf()).toEqual([
      [far.caller.id, '2'],
      [distant.caller.id, 'everyone'],
    ])
    await until(async () => expectOk(await product.dispatch.getBroadcast(me, made.id)).reach.step === 'done')
  })
})

describe('R13.2 a request whose deadline has passed', () => {
  it('and whose timers were lost blocks no one: its customer may request trucks at once', async () => {
    // No process fires timers here, so the timer check does not find the lost ones either.
    product = openDispatch(connectionString, { broadcastTimeoutMs: 50 })
    const me = customer('c-stuck')
    const first = expectOk(await product.dispatch.createBroadcast(me, asking(1))).broadcast
    await product.sql.query('delete from timers where instance = $1', [first.id])
    await until(() => product.engine.now() > Date.parse(first.expiresAt))
    const second = expectOk(await product.dispatch.createBroadcast(me, asking(2)))
    expect(second).toMatchObject({ isNew: true, broadcast: { status: 'searching' } })
    expect(expectOk(await product.dispatch.getBroadcast(me, first.id))).toMatchObject({
      status: 'expired',
      endReason: 'timeout',
    })
  })

  it('blocks no one while a paused process has leased its timers', async () => {
    product = openDispatch(connectionString, { broadcastTimeoutMs: 50 })
    const me = customer('c-leased')
    const first = expectOk(await product.dispatch.createBroadcast(me, asking(1))).broadcast
    const lease = `update timers set leased_until = now() + interval '1 hour' where instance = $1`
    await product.sql.query(lease, [first.id])
    await until(() => product.engine.now() > Date.parse(first.expiresAt))
    expect(expectOk(await product.dispatch.createBroadcast(me, asking(2)))).toMatchObject({ isNew: true })
  })
})
