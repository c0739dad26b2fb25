import { beforeEach, describe, expect, it } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import type { Caller } from '../../../src/dispatch/person.js'
import { personRoom } from '../../../src/dispatch/ports.js'
import type { TripEvent } from '../../../src/dispatch/requests.js'
import { until } from '../../support/engine/engine.js'
import { admin, customer, driver } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { accept, asking, registerTruck, type Truck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

let truck: Truck
let other: Truck
let broadcastId: string
let tripId: string
let round = 0

const product = await useDispatch()
beforeEach(async () => {
  round++
  truck = await registerTruck(product, `${round}-a`)
  other = await registerTruck(product, `${round}-b`)
  broadcastId = expectOk(await product.dispatch.createBroadcast(me(), asking(2))).broadcast.id
  tripId = expectOk(await accept(product, broadcastId, truck)).assignment?.tripId ?? ''
  product.fanout.emits.length = 0
})

const me = () => customer(`c${round}`)
const theDriver = () => driver(truck.driverId)
const send = (caller: Caller, type: TripEvent['type'], id = tripId) =>
  product.dispatch.sendToTrip(caller, id, { type })

describe('a trip', () => {
  it('is visible to its customer, its transporter, its driver and admins, and to nobody else', async () => {
    const { dispatch } = product
    const seen = expectOk(await dispatch.getTrip(me(), tripId))
    expect(seen).toMatchObject({
      id: tripId,
      broadcastId,
      truckId: 't1',
      status: 'assigned',
      pickup: asking().pickup,
      drop: asking().drop,
      driver: { id: truck.driverId, phone: '+91 98' },
      vehicle: { id: truck.vehicleId, vehicleType: 'tata_ace' },
      transporterId: truck.caller.id,
    })
    for (const caller of [truck.caller, theDriver(), admin]) {
      expect(expectOk(await dispatch.getTrip(caller, tripId))).toEqual(seen)
    }
    for (const stranger of [customer('x'), other.caller, driver(other.driverId)]) {
      expect(expectProblem(await dispatch.getTrip(stranger, tripId))).toBe('NOT_FOUND')
    }
    expect(expectProblem(await dispatch.getTrip(admin, uuidv7()))).toBe('NOT_FOUND')
  })

  it('is started and completed by its driver; then both are free and it is still in the driver’s list', async () => {
    const started = expectOk(await send(theDriver(), 'start'))
    expect(started).toMatchObject({ outcome: 'applied', version: 3, trip: { status: 'started' } })
    expect(started.trip.startedAt).toBeDefined()
    expect(expectProblem(await send(theDriver(), 'start'))).toBe('EVENT_NOT_ALLOWED')
    const completed = expectOk(await send(truck.caller, 'complete'))
    expect(completed.trip).toMatchObject({ status: 'completed', completedAt: completed.trip.endedAt })
    expect(expectOk(await product.dispatch.getDriver(truck.caller, truck.driverId)).isBusy).toBe(false)
    const page = expectOk(await product.dispatch.listDriverTrips(theDriver(), { limit: 5 }))
    expect(page).toEqual({ items: [completed.trip], nextCursor: null })
  })

  it('that is released reopens its truck: others may accept it, the driver is informed and free', async () => {
    expect(expectOk(await send(truck.caller, 'release')).trip.status).toBe('released')
    const { fanout } = product
    await until(() => fanout.heard(personRoom(me()), 'truck_released').length > 0)
    const told = fanout.heard(personRoom(me()), 'truck_released')[0]
    expect(told?.data).toMatchObject({ status: 'searching', trucksFilled: 0, trip: { status: 'released' } })
    expect(told?.data).not.toHaveProperty('retry')
    expect(fanout.heard(personRoom(driver(truck.driverId)), 'trip_cancelled')).toHaveLength(1)
    await until(() => fanout.heard(personRoom(me()), 'booking_updated').length > 0)
    expect(fanout.heard(personRoom(me()), 'booking_updated')[0]?.data).toMatchObject({ reopened: true })
    expectOk(await accept(product, broadcastId, truck))
  })

  it('that is released after the request was full ends it, and the customer may retry', async () => {
    expectOk(await accept(product, broadcastId, other))
    expectOk(await send(truck.caller, 'release'))
    expect(expectOk(await product.dispatch.getBroadcast(me(), broadcastId))).toMatchObject({
      status: 'expired',
      endReason: 'truck_released',
      trucksFilled: 1,
      nextEvents: ['cancel'],
    })
    const { fanout } = product
    await until(() => fanout.heard(personRoom(me()), 'truck_released').length > 0)
    expect(fanout.heard(personRoom(me()), 'truck_released')[0]?.data.retry).toEqual({
      href: `/api/v1/broadcasts/${broadcastId}/retry`,
    })
  })

  it('may be ended by an admin at any time, and the transporter is informed', async () => {
    expectOk(await send(theDriver(), 'start'))
    expect(expectOk(await send(admin, 'abandon')).trip.status).toBe('abandoned')
    const { fanout } = product
    await until(() => fanout.heard(personRoom(truck.caller), 'trip_cancelled').length > 0)
  })

  it('accepts events only from permitted callers: 403 for roles that never may, 404 for strangers', async () => {
    const forbidden: [Caller, TripEvent['type']][] = [
      [me(), 'start'],
      [admin, 'start'],
      [theDriver(), 'release'],
      [admin, 'release'],
      [theDriver(), 'abandon'],
      [truck.caller, 'abandon'],
    ]
    for (const [caller, type] of forbidden) expect(expectProblem(await send(caller, type))).toBe('FORBIDDEN')
    for (const caller of [driver(other.driverId), other.caller]) {
      expect(expectProblem(await send(caller, 'start'))).toBe('NOT_FOUND')
    }
    expect(expectProblem(await send(theDriver(), 'start', uuidv7()))).toBe('NOT_FOUND')
    expect(expectProblem(await send(theDriver(), 'complete'))).toBe('EVENT_NOT_ALLOWED')
    const stale = await product.dispatch.sendToTrip(theDriver(), tripId, { type: 'start' }, { ifVersion: 1 })
    expect(expectProblem(stale)).toBe('STALE_VERSION')
  })
})
