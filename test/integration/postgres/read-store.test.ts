import { beforeEach, describe, expect, it } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import type { Reader } from '../../../src/dispatch/ports.js'
import { customer, northOfPickup } from '../../support/engine/people.js'
import { expectOk } from '../../support/engine/results.js'
import { accept, asking, registerTruck, type Truck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

let near: Truck
let stranger: Truck
let round = 0

const product = await useDispatch()
beforeEach(async () => {
  round++
  near = await registerTruck(product, `near-${round}`, { vehicleType: type(), place: northOfPickup(1) })
  stranger = await registerTruck(product, `stranger-${round}`, { vehicleType: type() })
})

const type = () => `type_${round}`
const create = async (name = 'c', count = 1, vehicleType = type()) =>
  expectOk(await product.dispatch.createBroadcast(customer(`${name}${round}`), asking(count, vehicleType)))
    .broadcast.id
const cancel = async (id: string, name = 'c') =>
  expectOk(await product.dispatch.sendToBroadcast(customer(`${name}${round}`), id, { type: 'cancel' }))

describe('a request', () => {
  it('is found for its customer, for offered transporters and people with a trip on it, and for nobody else', async () => {
    const { reads } = product
    const id = await create('c', 2)
    const late = await registerTruck(product, `late-${round}`, { vehicleType: type() })
    expectOk(await accept(product, id, late))
    const standing = async (reader: Reader | undefined) => {
      const found = await reads.findBroadcast(id, reader)
      return found && [found.notified, found.isOffered, found.hasDeclined]
    }
    expect(await standing(undefined)).toEqual([1, false, false])
    const as = (role: Reader['role'], id: string): Reader => ({ role, id })
    expect(await standing(as('customer', `c${round}`))).toEqual([1, false, false])
    expect(await standing(as('transporter', near.caller.id))).toEqual([1, true, false])
    expect(await standing(as('transporter', late.caller.id))).toEqual([1, false, false])
    expect(await standing(as('driver', late.driverId))).toEqual([1, false, false])
    expect(await standing(as('transporter', stranger.caller.id))).toBeUndefined()
    // The same person in another role.
    expect(await standing(as('transporter', `c${round}`))).toBeUndefined()
    expect(await standing(as('driver', near.caller.id))).toBeUndefined()
    expect(await standing(as('customer', near.caller.id))).toBeUndefined()
    await product.recipients.decline(id, near.caller.id, undefined)
    expect(await standing(as('transporter', near.caller.id))).toEqual([1, true, true])
    expect(await reads.findBroadcast(uuidv7(), undefined)).toBeUndefined()
  })

  it('with a past trip is still found for the people of that trip', async () => {
    const id = await create('c', 1, 'elsewhere')
    const truck = await registerTruck(product, `past-${round}`, { vehicleType: 'elsewhere' })
    expectOk(await accept(product, id, truck))
    await cancel(id)
    expect(await product.reads.findBroadcast(id, { role: 'transporter', id: truck.caller.id })).toBeDefined()
    expect(await product.reads.findBroadcast(id, { role: 'driver', id: truck.driverId })).toBeDefined()
  })

  it('is read as the engine stored it', async () => {
    const id = await create()
    const [row] = await product.reads.load([id])
    expect((await product.reads.findBroadcast(id, undefined))?.instance).toEqual(row)
    if (row === undefined) throw new Error('nothing was stored')
    const plain = (instance: unknown) => JSON.parse(JSON.stringify(instance))
    expect(plain(product.engine.restore(row))).toEqual(plain(await product.engine.get(id)))
  })
})

describe('lists', () => {
  it('of a customer contain its own requests, newest first, by status and page', async () => {
    const { reads } = product
    const ids: string[] = []
    for (let i = 0; i < 3; i++) {
      ids.unshift(await create())
      if (i < 2) await cancel(ids[0] ?? '')
    }
    await create('other')
    const list = async (options: Partial<Parameters<typeof reads.listOwned>[1]>) =>
      (await reads.listOwned(`c${round}`, { limit: 10, ...options })).items.map(record => record.instance.id)
    expect(await list({})).toEqual(ids)
    expect(await list({ limit: 2 })).toEqual(ids.slice(0, 2))
    expect(await list({ before: ids[1] ?? '' })).toEqual(ids.slice(2))
    expect(await list({ status: 'cancelled' })).toEqual(ids.slice(1))
    const all = await reads.listAll({ limit: 1 })
    expect(all.items.map(record => record.instance.owner)).toEqual([`other${round}`])
  })

  it('R6.5 of a transporter contain its open offers that it has not declined', async () => {
    const { reads } = product
    const [first, second, third] = [await create('a', 2), await create('b'), await create('d')]
    const list = async (options: Partial<Parameters<typeof reads.listLiveOffers>[1]> = {}) =>
      (await reads.listLiveOffers(near.caller.id, { limit: 10, ...options })).map(r => r.instance.id)
    expect(await list()).toEqual([third, second, first])
    await cancel(second, 'b')
    await product.recipients.decline(third, near.caller.id, undefined)
    expectOk(await accept(product, first, stranger))
    expect(await list()).toEqual([first])
    expect(await list({ status: 'searching' })).toEqual([])
    expect(await list({ status: 'partially_filled' })).toEqual([first])
    expect(await reads.listLiveOffers(stranger.caller.id, { limit: 10 })).toEqual([])
  })

  it('of missed requests of a transporter contain live requests of its types, with the facts for the reach', async () => {
    const { reads, fleet } = product
    const id = await create('a', 1)
    await create('b', 1, 'not_owned')
    await cancel(await create('d'), 'd')
    const missed = () => reads.listUnofferedLive(stranger.caller.id, 10)
    expect(await missed()).toEqual([])
    await fleet.setTransporterAvailable(stranger.caller.id, true, { changes: 9, windowMs: 1_000 })
    expect(await missed()).toEqual([
      {
        id,
        pickup: { lat: 28.61, lng: 77.2 },
        reach: 'step_1',
        reachStepsKm: [10, 25, 50, 75],
        openTypes: [type()],
      },
    ])
    expect(await reads.listUnofferedLive(near.caller.id, 10)).toEqual([])
    await fleet.setPersonActive(stranger.caller, false)
    expect(await missed()).toEqual([])
    await fleet.setPersonActive(stranger.caller, true)
    await product.recipients.offer([{ broadcastId: id, transporterId: stranger.caller.id, step: '1' }])
    expect(await missed()).toEqual([])
  })

  it('of missed requests of a transporter omit requests whose trucks of its type are taken', async () => {
    const { reads, fleet, dispatch } = product
    const trucks = [
      { vehicleType: type(), count: 1 },
      { vehicleType: 'other', count: 1 },
    ]
    const made = await dispatch.createBroadcast(customer(`c${round}`), { ...asking(), trucks })
    await fleet.setTransporterAvailable(stranger.caller.id, true, { changes: 9, windowMs: 1_000 })
    expect((await reads.listUnofferedLive(stranger.caller.id, 10)).map(r => r.openTypes)).toEqual([
      ['other', type()],
    ])
    expectOk(await accept(product, expectOk(made).broadcast.id, near))
    expect(await reads.listUnofferedLive(stranger.caller.id, 10)).toEqual([])
  })
})

describe('trips', () => {
  it('are found alone and with their request, and listed for their driver, newest first', async () => {
    const { reads } = product
    const ids: string[] = []
    for (let i = 0; i < 3; i++) {
      const id = await create()
      ids.unshift(expectOk(await accept(product, id, near)).assignment?.tripId ?? '')
      await cancel(id)
    }
    const [last = '', middle = ''] = ids
    const trip = await reads.findTrip(last)
    expect(trip).toMatchObject({
      id: last,
      customerId: `c${round}`,
      status: 'cancelled',
      pickup: asking().pickup,
      endedAt: expect.any(Number),
    })
    const both = await reads.findTripAndBroadcast(last)
    expect(both?.trip).toEqual(trip)
    expect(both?.instance).toEqual((await reads.load([trip?.broadcastId ?? '']))[0])
    expect((await reads.listDriverTrips(near.driverId, { limit: 5 })).map(t => t.id)).toEqual(ids)
    expect((await reads.listDriverTrips(near.driverId, { limit: 1, before: last })).map(t => t.id)).toEqual([
      middle,
    ])
    expect(await reads.findTrip(uuidv7())).toBeUndefined()
    expect(await reads.findTripAndBroadcast(uuidv7())).toBeUndefined()
  })
})
