import { beforeEach, describe, expect, it } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import { broadcastRoom, personRoom } from '../../../src/dispatch/ports.js'
import { statementsOf } from '../../support/database/statements.js'
import { openDispatch } from '../../support/engine/dispatch.js'
import { until } from '../../support/engine/engine.js'
import { admin, customer, driver, transporter } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { accept, asking, hire, registerTruck, type Truck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

let trucks: Truck[]
let round = 0

const product = await useDispatch()
beforeEach(async () => {
  round++
  trucks = await Promise.all([0, 1, 2].map(i => registerTruck(product, `${round}-${i}`)))
  product.fanout.emits.length = 0
})

const me = () => customer(`c${round}`)
const truck = (i = 0) => {
  const chosen = trucks[i]
  if (chosen === undefined) throw new Error(`no truck ${i}`)
  return chosen
}
const create = async (count = 1, vehicleType = 'tata_ace') =>
  expectOk(await product.dispatch.createBroadcast(me(), asking(count, vehicleType))).broadcast

describe('an accept', () => {
  it('R2.4 makes the trip that the answer names, and reports how many trucks are confirmed', async () => {
    const { id } = await create(2)
    const first = expectOk(await accept(product, id, truck(0)))
    expect(first.outcome).toBe('applied')
    expect(first.version).toBe(2)
    expect(first.assignment).toEqual({
      id: first.assignment?.tripId,
      tripId: expect.any(String),
      truckId: 't1',
      driverId: truck(0).driverId,
      vehicleId: truck(0).vehicleId,
      trucksConfirmed: 1,
      isFullyFilled: false,
    })
    const second = expectOk(await accept(product, id, truck(1)))
    expect(second.assignment).toMatchObject({ truckId: 't2', trucksConfirmed: 2, isFullyFilled: true })
    expect(second.broadcast).toMatchObject({ status: 'fully_filled', endReason: 'filled', nextEvents: [] })
  })

  it('takes at most two round trips, and none when this process knows that the request is full', async () => {
    const { id } = await create()
    const won = await statementsOf(() => accept(product, id, truck(0)))
    expectOk(won.value)
    expect(won.statements.length).toBeLessThanOrEqual(2)
    const lost = await statementsOf(() => accept(product, id, truck(1)))
    expect(expectProblem(lost.value)).toBe('NO_LONGER_AVAILABLE')
    expect(lost.statements).toEqual([])
  })

  it('takes at most two round trips when another process made the request', async () => {
    const other = openDispatch(product.connectionString)
    const { id } = await create()
    const won = await statementsOf(() => accept(other, id, truck(0)))
    expectOk(won.value)
    await other.close()
    expect(won.statements.length).toBeLessThanOrEqual(2)
  })

  it('R2.1 thirty at once for one truck: one wins, the others get NO_LONGER_AVAILABLE', async () => {
    const { id } = await create(1, 'raced')
    const racers = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        registerTruck(product, `${round}-racer-${i}`, { vehicleType: 'raced' }),
      ),
    )
    const results = await Promise.all(racers.map(racer => accept(product, id, racer)))
    expect(results.filter(result => result.ok)).toHaveLength(1)
    expect(results.filter(result => !result.ok).map(expectProblem)).toEqual(
      Array.from({ length: 29 }, () => 'NO_LONGER_AVAILABLE'),
    )
  })

  it('R2.2 with one driver on two requests at once: one wins, the other gets DRIVER_BUSY and its truck stays open', async () => {
    const a = await create()
    const b = expectOk(await product.dispatch.createBroadcast(customer(`c${round}-b`), asking()))
    const results = await Promise.all([a.id, b.broadcast.id].map(id => accept(product, id, truck(0))))
    expect(results.filter(result => result.ok)).toHaveLength(1)
    expect(results.filter(result => !result.ok).map(expectProblem)).toEqual(['DRIVER_BUSY'])
  })

  it('R2.2 is refused for a driver or vehicle on another trip', async () => {
    expectOk(await accept(product, (await create()).id, truck(0)))
    const { id } = expectOk(
      await product.dispatch.createBroadcast(customer(`c${round}-next`), asking()),
    ).broadcast
    await hire(product, truck(0).caller, `d-${round}-spare`)
    const withBusyVehicle = { ...truck(0), driverId: `d-${round}-spare` }
    expect(expectProblem(await accept(product, id, truck(0)))).toBe('DRIVER_BUSY')
    expect(expectProblem(await accept(product, id, withBusyVehicle))).toBe('VEHICLE_BUSY')
  })

  it('R2.2 is refused in the contract’s order: state, fleet, type', async () => {
    const { id } = await create(1, '14ft')
    const foreign = { ...truck(0), driverId: truck(1).driverId }
    const foreignVehicle = { ...truck(0), vehicleId: truck(1).vehicleId }
    expect(expectProblem(await accept(product, id, foreign))).toBe('DRIVER_NOT_IN_FLEET')
    expect(expectProblem(await accept(product, id, foreignVehicle))).toBe('VEHICLE_NOT_IN_FLEET')
    expect(expectProblem(await accept(product, id, truck(0)))).toBe('VEHICLE_TYPE_MISMATCH')
    expectOk(await product.dispatch.sendToBroadcast(me(), id, { type: 'cancel' }))
    expect(expectProblem(await accept(product, id, foreign))).toBe('BROADCAST_CANCELLED')
    const other = openDispatch(product.connectionString)
    expect(expectProblem(await accept(other, id, foreign))).toBe('BROADCAST_CANCELLED')
    await other.close()
  })

  it('R2.2 is refused to a user that was turned off, at once', async () => {
    const { id } = await create()
    await product.fleet.setPersonActive(truck(0).caller, false)
    expect(expectProblem(await accept(product, id, truck(0)))).toBe('USER_INACTIVE')
  })

  it('is refused for an unknown request, and to all roles but transporters', async () => {
    expect(expectProblem(await accept(product, uuidv7(), truck(0)))).toBe('NOT_FOUND')
    const { id } = await create()
    for (const caller of [me(), driver(truck(0).driverId), admin]) {
      expect(expectProblem(await accept(product, id, { ...truck(0), caller }))).toBe('FORBIDDEN')
    }
  })

  it('with If-Match of an older version gets STALE_VERSION, whatever else is wrong', async () => {
    const { id } = await create(2)
    expectOk(await accept(product, id, truck(0)))
    const { driverId, vehicleId, caller } = truck(1)
    const event = { type: 'accept', driverId, vehicleId } as const
    const stale = await product.dispatch.sendToBroadcast(caller, id, event, { ifVersion: 1 })
    expect(expectProblem(stale)).toBe('STALE_VERSION')
    expect(
      expectOk(await product.dispatch.sendToBroadcast(caller, id, event, { ifVersion: 2 })).version,
    ).toBe(3)
    const late = await product.dispatch.sendToBroadcast(caller, id, event, { ifVersion: 2 })
    expect(expectProblem(late)).toBe('STALE_VERSION')
  })

  it('R2.4 informs the driver, the customer and all watchers, and announces that the driver is busy', async () => {
    const { id } = await create(2)
    const { assignment } = expectOk(await accept(product, id, truck(0)))
    const { fanout } = product
    const assigned = () => fanout.heard(personRoom(driver(truck(0).driverId)), 'trip_assigned')
    await until(() => assigned().length > 0)
    await product.settled()
    expect(assigned()[0]).toMatchObject({
      broadcastId: id,
      tripId: assignment?.tripId,
      version: 2,
      data: {
        title: 'New trip assigned',
        trip: {
          id: assignment?.tripId,
          status: 'assigned',
          pickup: { lat: 28.61 },
          driver: { id: truck(0).driverId, name: expect.any(String), phone: '+91 98' },
        },
      },
    })
    expect(fanout.heard(personRoom(me()), 'truck_confirmed')[0]?.data).toMatchObject({
      trip: { vehicle: { number: `DL ${round}-0` } },
      trucksFilled: 1,
    })
    const updates = fanout.heard(broadcastRoom(id), 'booking_updated')
    expect(updates.at(-1)?.data).toEqual({
      title: '1 of 2 trucks confirmed',
      status: 'partially_filled',
      trucksFilled: 1,
      trucksNeeded: 2,
    })
    expect(fanout.heard(personRoom(me()), 'booking_updated')).toEqual(updates)
    expect(
      fanout.heard(personRoom(truck(0).caller), 'driver_status_changed').map(envelope => envelope.data),
    ).toEqual([{ driverId: truck(0).driverId, isOnline: false, isBusy: true }])
  })
})

describe('the visibility of its trips', () => {
  it('the customer sees all trips, a transporter and a driver their own, everybody else none', async () => {
    const { dispatch } = product
    const { id } = await create(3)
    expectOk(await accept(product, id, truck(0)))
    expectOk(await accept(product, id, truck(1)))
    const tripsOf = async (caller: Parameters<typeof dispatch.getBroadcast>[0]) =>
      expectOk(await dispatch.getBroadcast(caller, id)).trucks.map(t => t.trip?.driverId ?? t.status)
    const [first, second] = [truck(0), truck(1)]
    expect(await tripsOf(me())).toEqual([first.driverId, second.driverId, 'open'])
    expect(await tripsOf(admin)).toEqual([first.driverId, second.driverId, 'open'])
    expect(await tripsOf(first.caller)).toEqual([first.driverId, 'taken', 'open'])
    expect(await tripsOf(driver(second.driverId))).toEqual(['taken', second.driverId, 'open'])
    for (const stranger of [customer('x'), truck(2).caller, driver(truck(2).driverId)]) {
      expect(expectProblem(await dispatch.getBroadcast(stranger, id))).toBe('NOT_FOUND')
      expect(await dispatch.mayWatch(stranger, id)).toBe(false)
    }
    expect(await dispatch.mayWatch(first.caller, id)).toBe(true)
    expect(expectOk(await dispatch.getBroadcast(first.caller, id)).nextEvents).toEqual(['accept'])
  })

  it('R1.5 its history is visible to the customer and the admin, oldest first, page by page', async () => {
    const { dispatch } = product
    const { id } = await create(2)
    expectOk(await accept(product, id, truck(0)))
    expectOk(await dispatch.sendToBroadcast(me(), id, { type: 'cancel', reason: 'Too slow' }))
    const first = expectOk(await dispatch.history(me(), id, { limit: 2 }))
    expect(first.items.map(item => [item.version, item.event.type, item.status])).toEqual([
      [1, 'xstate.init', 'searching'],
      [2, 'accept', 'partially_filled'],
    ])
    expect(first.items[1]?.actor).toEqual({ id: truck(0).caller.id, role: 'transporter' })
    const rest = expectOk(await dispatch.history(admin, id, { limit: 2, cursor: first.nextCursor ?? '' }))
    expect(rest.items.map(item => [item.version, item.status])).toEqual([[3, 'cancelled']])
    expect(rest.nextCursor).toBeNull()
    expect(expectProblem(await dispatch.history(customer('x'), id, { limit: 2 }))).toBe('NOT_FOUND')
    expect(expectProblem(await dispatch.history(transporter('x'), id, { limit: 2 }))).toBe('FORBIDDEN')
    expect(expectProblem(await dispatch.history(me(), id, { limit: 2, cursor: 'forged' }))).toBe(
      'VALIDATION_FAILED',
    )
  })
})
