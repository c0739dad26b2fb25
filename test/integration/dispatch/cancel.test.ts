import { beforeEach, describe, expect, it } from '@jest/globals'
import { broadcastRoom, personRoom } from '../../../src/dispatch/ports.js'
import { statementsOf } from '../../support/database/statements.js'
import { until } from '../../support/engine/engine.js'
import { admin, customer, driver, northOfPickup } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { accept, asking, registerTruck, type Truck } from '../../support/engine/trucks.js'
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
const type = () => `type_${round}`
const truck = (i = 0) => {
  const chosen = trucks[i]
  if (chosen === undefined) throw new Error(`no truck ${i}`)
  return chosen
}
const create = async (count = 1, vehicleType = 'tata_ace') =>
  expectOk(await product.dispatch.createBroadcast(me(), asking(count, vehicleType))).broadcast
const cancel = (id: string, caller = me()) => product.dispatch.sendToBroadcast(caller, id, { type: 'cancel' })
const tripOf = (answer: Awaited<ReturnType<typeof accept>>) => {
  const { assignment } = expectOk(answer)
  if (assignment === undefined) throw new Error('an accept was answered without its assignment')
  return assignment.tripId
}

describe('a cancel', () => {
  it('R4.1 R4.3 cancels trips that have not started, keeps the others and frees the drivers in the same commit', async () => {
    const { id } = await create(3)
    const started = tripOf(await accept(product, id, truck(0)))
    const assigned = tripOf(await accept(product, id, truck(1)))
    expectOk(await product.dispatch.sendToTrip(driver(truck(0).driverId), started, { type: 'start' }))
    const answer = expectOk(await cancel(id))
    expect(answer).toMatchObject({
      outcome: 'applied',
      tripsCancelled: [assigned],
      tripsKept: [started],
      broadcast: { status: 'cancelled', endReason: 'cancelled', nextEvents: [] },
    })
    const { rows } = await product.sql.query('select key from claims where instance = $1 order by key', [id])
    expect(rows.map(row => row.key)).toEqual([`driver:${truck(0).driverId}`, `vehicle:${truck(0).vehicleId}`])
  })

  it('R4.1 answers the same when it is repeated, and changes nothing', async () => {
    const { id } = await create(2)
    tripOf(await accept(product, id, truck(0)))
    const first = expectOk(await cancel(id))
    const second = expectOk(await cancel(id))
    expect(second).toEqual({ ...first, outcome: 'unchanged' })
  })

  it('takes two round trips', async () => {
    const { id } = await create(1)
    await product.settled()
    const { value, statements } = await statementsOf(() => cancel(id))
    expectOk(value)
    // Its announcement is read too: the transporters that were offered the request.
    expect(statements.filter(text => !text.includes('from recipients\nwhere'))).toHaveLength(2)
  })

  it('is only for the customer: 404 for another’s request, 403 for other roles', async () => {
    const { id } = await create()
    expect(expectProblem(await cancel(id, customer('stranger')))).toBe('NOT_FOUND')
    for (const caller of [truck().caller, driver(truck().driverId), admin]) {
      expect(expectProblem(await cancel(id, caller))).toBe('FORBIDDEN')
    }
  })

  it('R4.2 beats simultaneous accepts: after its answer none is won, and no trip is live', async () => {
    for (let i = 0; i < 10; i++) {
      const { id } = expectOk(
        await product.dispatch.createBroadcast(customer(`c${round}-${i}`), asking(3)),
      ).broadcast
      const accepts = trucks.map(t => accept(product, id, t))
      const cancelled = cancel(id, customer(`c${round}-${i}`))
      await Promise.all([...accepts, cancelled])
      for (const answer of await Promise.all(accepts)) {
        if (!answer.ok) expect(expectProblem(answer)).toBe('BROADCAST_CANCELLED')
      }
      const seen = expectOk(await product.dispatch.getBroadcast(admin, id))
      expect(seen).toMatchObject({ status: 'cancelled', trucksFilled: 0 })
      expect(expectProblem(await accept(product, id, truck()))).toBe('BROADCAST_CANCELLED')
    }
    const { rows } = await product.sql.query(`select count(*)::int as n from claims where key = any($1)`, [
      trucks.map(t => `driver:${t.driverId}`),
    ])
    expect(rows[0].n).toBe(0)
  })

  it('R4.3 informs drivers and transporters of its trips, and all offered transporters, and nobody else', async () => {
    const near = await registerTruck(product, `${round}-near`, {
      vehicleType: type(),
      place: northOfPickup(2),
    })
    const loser = await registerTruck(product, `${round}-loser`, {
      vehicleType: type(),
      place: northOfPickup(3),
    })
    const { id } = await create(2, type())
    tripOf(await accept(product, id, near))
    product.fanout.emits.length = 0
    expectOk(await cancel(id))
    const { fanout } = product
    await until(() => fanout.heard(broadcastRoom(id), 'booking_expired').length > 0)
    for (const room of [personRoom(driver(near.driverId)), personRoom(near.caller)]) {
      expect(fanout.heard(room, 'trip_cancelled').map(envelope => envelope.data.title)).toEqual([
        'Trip cancelled',
      ])
    }
    for (const room of [personRoom(near.caller), personRoom(loser.caller)]) {
      expect(fanout.heard(room, 'booking_expired').map(envelope => envelope.data)).toEqual([
        { title: 'Request cancelled', reason: 'customer_cancelled' },
      ])
    }
    const toOffered = fanout.emits.find(emit => emit.envelope.type === 'booking_expired')
    expect(toOffered?.rooms).toContain(broadcastRoom(id))
    // Also not by way of the request's room, if the customer watches it.
    expect(toOffered?.except).toEqual([personRoom(me())])
    expect(fanout.heard(personRoom(me()), 'booking_expired')).toEqual([])
    await until(() => fanout.heard(personRoom(me()), 'booking_updated').length > 0)
    expect(fanout.heardIn(personRoom(truck().caller))).toEqual([])
  })
})

describe('R6.5 a decline', () => {
  const decline = (id: string, { caller }: Truck) =>
    product.dispatch.sendToBroadcast(caller, id, { type: 'decline', reason: 'Too far' })
  const near = (name: string, km = 1) =>
    registerTruck(product, `${round}-${name}`, { vehicleType: type(), place: northOfPickup(km) })
  const offersOf = async ({ caller }: Truck) =>
    expectOk(await product.dispatch.listBroadcasts(caller, { limit: 20 })).items

  it('removes the request from the transporter’s list, and is no transition', async () => {
    const [first, second] = [await near('a'), await near('b')]
    const { id } = await create(1, type())
    expect(await offersOf(first)).toEqual([
      expect.objectContaining({
        id,
        nextEvents: ['accept', 'decline'],
        reach: expect.objectContaining({ notified: 2 }),
      }),
    ])
    const answer = expectOk(await decline(id, first))
    expect(answer).toMatchObject({ outcome: 'applied', version: 1, broadcast: { nextEvents: ['accept'] } })
    expect(await offersOf(first)).toEqual([])
    expect(await offersOf(second)).toHaveLength(1)
    expect(expectOk(await decline(id, first))).toMatchObject({ outcome: 'unchanged', version: 1 })
  })

  it('of the last offered transporter widens the reach at once', async () => {
    const [first, second, further] = [await near('a'), await near('b'), await near('c', 20)]
    const { id } = await create(1, type())
    expectOk(await decline(id, first))
    expect(expectOk(await decline(id, second)).broadcast.reach).toMatchObject({ step: 2, radiusKm: 25 })
    await until(async () => (await offersOf(further)).length === 1)
  })

  it('is refused for a request that was not offered, and for one that has ended', async () => {
    const asked = await near('a')
    const { id } = await create(1, type())
    expect(expectProblem(await decline(id, truck()))).toBe('NOT_FOUND')
    expect(expectProblem(await product.dispatch.sendToBroadcast(me(), id, { type: 'decline' }))).toBe(
      'FORBIDDEN',
    )
    expectOk(await cancel(id))
    expect(expectProblem(await decline(id, asked))).toBe('BROADCAST_CANCELLED')
  })
})
