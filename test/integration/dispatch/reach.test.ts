import { beforeEach, describe, expect, it } from '@jest/globals'
import { personRoom } from '../../../src/dispatch/ports.js'
import type { EmittedEvent } from '../../../src/runtime/types.js'
import { statementsOf } from '../../support/database/statements.js'
import { until } from '../../support/engine/engine.js'
import { customer, driver, northOfPickup } from '../../support/engine/people.js'
import { expectOk } from '../../support/engine/results.js'
import { accept, asking, hire, registerTruck, type Truck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

let round = 0

const product = await useDispatch()
beforeEach(() => {
  round++
  product.fanout.emits.length = 0
})

const type = () => `type_${round}`
const me = () => customer(`c${round}`)
const near = (name: string, km: number) =>
  registerTruck(product, `${round}-${name}`, { vehicleType: type(), place: northOfPickup(km) })
const create = async () =>
  expectOk(await product.dispatch.createBroadcast(me(), asking(1, type()))).broadcast.id
/** Takes the next step, as its timer would. */
const widen = (id: string, step: number | 'everyone') =>
  product.engine.send(id, { type: 'reach.exhausted', step }, { actor: { id: 'test', role: 'system' } })
const offersTo = ({ caller }: Truck) => product.fanout.heard(personRoom(caller), 'new_broadcast')
const recipients = async (id: string) =>
  (
    await product.sql.query(
      `select transporter_id, step, round(distance_km) as km, reason from recipients
       where broadcast_id = $1 order by transporter_id`,
      [id],
    )
  ).rows.map(({ transporter_id, step, km, reason }) => [transporter_id, step, km, reason])

describe('an offer', () => {
  it('R6.1 goes out step by step, to each transporter once, with its own distance, under one id', async () => {
    const [close, middle, far] = [await near('a', 4), await near('b', 20), await near('c', 60)]
    const distant = await near('d', 700)
    await product.settled()
    product.fanout.emits.length = 0
    const id = await create()
    expect(offersTo(close).map(envelope => envelope.data.distanceKm)).toEqual([4])
    expect(offersTo(close)[0]).toMatchObject({
      id: `${id}:offer`,
      broadcastId: id,
      version: 1,
      data: {
        title: 'New request for a truck',
        broadcast: { id, nextEvents: ['accept', 'decline'], reach: { step: 1, radiusKm: 10, notified: 1 } },
      },
    })
    await widen(id, 1)
    await until(() => offersTo(middle).length > 0)
    await widen(id, 2)
    await widen(id, 3)
    await until(() => offersTo(far).length > 0)
    await widen(id, 4)
    await until(() => offersTo(distant).length > 0)
    expect([close, middle, far, distant].map(t => offersTo(t).length)).toEqual([1, 1, 1, 1])
    expect(
      new Set(
        product.fanout.emits
          .map(e => e.envelope)
          .filter(e => e.type === 'new_broadcast')
          .map(e => e.id),
      ),
    ).toEqual(new Set([`${id}:offer`]))
    expect(await recipients(id)).toEqual([
      [close.caller.id, '1', 4, null],
      [middle.caller.id, '2', 20, null],
      [far.caller.id, '4', 60, null],
      [distant.caller.id, 'everyone', null, null],
    ])
  })

  it('names the nearest driver’s distance to a transporter with several, once', async () => {
    const truck = await near('a', 8)
    const { caller } = truck
    const second = driver(`d-${round}-second`)
    await hire(product, caller, second.id)
    expectOk(
      await product.dispatch.setDriverAvailability(second, { isOnline: true, vehicleId: truck.vehicleId }),
    )
    expectOk(await product.dispatch.driverHeartbeat(second, northOfPickup(2)))
    // Else a catch-up under way may offer it first, and tell after the create has answered.
    await product.settled()
    await create()
    expect(offersTo(truck).map(envelope => envelope.data.distanceKm)).toEqual([2])
  })

  it('R10.7 skips transporters that are not available, not present or turned off, and records the reason', async () => {
    const [unavailable, absent, inactive] = [await near('a', 1), await near('b', 2), await near('c', 3)]
    expectOk(await product.dispatch.setTransporterAvailability(unavailable.caller, false))
    await product.presence.dropTransporter(absent.caller.id)
    await product.fleet.setPersonActive(inactive.caller, false)
    const id = await create()
    expect(product.fanout.emits.filter(e => e.envelope.type === 'new_broadcast')).toEqual([])
    expect(await recipients(id)).toEqual([
      [unavailable.caller.id, '1', 1, 'not_available'],
      [absent.caller.id, '1', 2, 'transporter_not_present'],
      [inactive.caller.id, '1', 3, 'user_inactive'],
    ])
    // Being passed over blocks nothing.
    await product.presence.touchTransporters([absent.caller.id])
    await widen(id, 1)
    await until(() => offersTo(absent).length > 0)
  })

  it('skips drivers that are silent, switched off, of another type or without a vehicle', async () => {
    const silent = await near('silent', 1)
    product.passTime(61_000)
    const [off, sold] = [await near('off', 1), await near('sold', 1)]
    expectOk(await product.dispatch.setDriverAvailability(driver(off.driverId), { isOnline: false }))
    expectOk(await product.dispatch.driverHeartbeat(driver(off.driverId), northOfPickup(1)))
    expectOk(await product.dispatch.deleteVehicle(sold.caller, sold.vehicleId))
    const changed = await near('changed', 1)
    const change = { vehicleType: 'other', number: 'DL 1' }
    expectOk(await product.dispatch.putVehicle(changed.caller, changed.vehicleId, change))
    await create()
    for (const truck of [silent, off, sold, changed]) expect(offersTo(truck)).toEqual([])
  })

  it('handled twice emits the same event under the same id and records nothing new', async () => {
    const truck = await near('a', 1)
    await product.settled()
    product.fanout.emits.length = 0
    const id = await create()
    const before = await recipients(id)
    const reach = product.subscribers.find(subscriber => subscriber.name === 'reach')
    const event: EmittedEvent = {
      instance: id,
      machine: 'broadcast',
      version: 1,
      index: 1,
      type: 'reach.widened',
      payload: { step: 1, radiusKm: 10 },
      audience: [me().id],
      at: product.engine.now(),
    }
    await reach?.handle(event, 2)
    expect(await recipients(id)).toEqual(before)
    expect(offersTo(truck).map(envelope => envelope.id)).toEqual([`${id}:offer`, `${id}:offer`])
  })

  it('of a request that has ended is neither recorded nor emitted', async () => {
    const id = await create()
    const truck = await near('late', 1)
    await product.settled()
    expect(offersTo(truck)).toHaveLength(1)
    expectOk(await product.dispatch.sendToBroadcast(me(), id, { type: 'cancel' }))
    await product.dispatch.isActive({ id: 'x', role: 'transporter' })
    const entry = { broadcastId: id, transporterId: 'x', step: '1' }
    expect(await product.recipients.offer([entry])).toEqual([])
    expect(await recipients(id)).toEqual([[truck.caller.id, 'catch_up', 1, null]])
  })

  it('R6.4 costs the same statements for one transporter as for fifty', async () => {
    const handled = async () => {
      await product.settled()
      return (await statementsOf(create)).statements.length
    }
    await near('first', 1)
    const one = await handled()
    expectOk(await product.dispatch.sendToBroadcast(me(), await liveId(), { type: 'cancel' }))
    for (let i = 0; i < 50; i++) await near(`more-${i}`, 1 + i / 10)
    expect(await handled()).toBe(one)
    expect(await product.recipients.offered(await liveId())).toHaveLength(51)
  })
})

const liveId = async () => {
  const page = expectOk(await product.dispatch.listBroadcasts(me(), { limit: 1 }))
  return page.items[0]?.id ?? ''
}

/** As many as one statement offers. */
const LIVE = 1_000

describe('R6.2 a transporter that becomes available', () => {
  const offered = async (truck: Truck) => {
    await product.settled()
    return offersTo(truck).map(envelope => envelope.broadcastId)
  }

  it('becoming available gets offers only of the live requests whose reach covers it', async () => {
    const truck = await near('a', 5)
    const { dispatch } = product
    expectOk(await dispatch.setTransporterAvailability(truck.caller, false))
    const id = await create()
    const farther = { ...asking(1, type()), pickup: northOfPickup(100) }
    expectOk(await dispatch.createBroadcast(customer(`c${round}-far`), farther))
    expectOk(await dispatch.createBroadcast(customer(`c${round}-type`), asking(1, 'nobody_has')))
    const ended = expectOk(await dispatch.createBroadcast(customer(`c${round}-end`), asking(1, type())))
    expectOk(
      await dispatch.sendToBroadcast(customer(`c${round}-end`), ended.broadcast.id, { type: 'cancel' }),
    )
    product.fanout.emits.length = 0
    expectOk(await dispatch.setTransporterAvailability(truck.caller, true))
    expect(await offered(truck)).toEqual([id])
    expect(await recipients(id)).toEqual([[truck.caller.id, 'catch_up', 5, null]])
    expectOk(await dispatch.setTransporterAvailability(truck.caller, true))
    await dispatch.connected(truck.caller)
    expect(await offered(truck)).toEqual([id])
  })

  it('wherever it is, when every transporter is reached or the reach is complete', async () => {
    const id = await create()
    for (const step of [1, 2, 3, 4] as const) await widen(id, step)
    const [first, second] = [await near('a', 900), await near('b', 900)]
    expect(await offered(first)).toEqual([id])
    await widen(id, 'everyone')
    expect(await offered(second)).toEqual([id])
    const third = await near('c', 900)
    expect(await offered(third)).toEqual([id])
  })

  it('by a connection, a driver that comes online, its first place or another vehicle', async () => {
    const { dispatch } = product
    const id = await create()
    const truck = await registerTruck(product, `${round}-a`, { vehicleType: type() })
    const itsDriver = driver(truck.driverId)
    expectOk(
      await dispatch.putVehicle(truck.caller, `v-${round}-other`, { vehicleType: 'else', number: '1' }),
    )
    expectOk(await dispatch.setTransporterAvailability(truck.caller, true))
    expect(await offered(truck)).toEqual([])
    expectOk(
      await dispatch.setDriverAvailability(itsDriver, { isOnline: true, vehicleId: `v-${round}-other` }),
    )
    expectOk(await dispatch.driverHeartbeat(itsDriver, northOfPickup(1)))
    expect(await offered(truck)).toEqual([])
    expectOk(await dispatch.driverHeartbeat(itsDriver, { ...northOfPickup(1), vehicleId: truck.vehicleId }))
    expect(await offered(truck)).toEqual([id])
  })

  it('by a heartbeat after its presence had expired', async () => {
    const truck = await near('a', 1)
    await product.settled() // else its first catch-up may see what comes later
    product.passTime(121_000)
    expectOk(await product.dispatch.driverHeartbeat(driver(truck.driverId), northOfPickup(1)))
    const id = await create()
    expect(await offered(truck)).toEqual([])
    expectOk(await product.dispatch.transporterHeartbeat(truck.caller, {}))
    expect(await offered(truck)).toEqual([id])
  })

  it('gets a thousand requests at once with a constant number of statements', async () => {
    const { dispatch } = product
    for (let i = 0; i < LIVE; i += 50) {
      const some = Array.from({ length: 50 }, (_, j) => customer(`c${round}-${i + j}`))
      for (const made of await Promise.all(some.map(c => dispatch.createBroadcast(c, asking(1, type()))))) {
        expectOk(made)
      }
    }
    const truck = await near('a', 1)
    await product.settled()
    expect(offersTo(truck)).toHaveLength(LIVE)
    await product.sql.query('delete from recipients where transporter_id = $1', [truck.caller.id])
    const { statements } = await statementsOf(async () => {
      await dispatch.connected(truck.caller)
      await product.settled()
    })
    expect(statements).toHaveLength(3)
    expect(offersTo(truck)).toHaveLength(2 * LIVE)
  })
})

describe('a request that a transporter accepts before it was offered', () => {
  it('can read its offers', async () => {
    const id = await create()
    const truck = await registerTruck(product, `${round}-a`, { vehicleType: type() })
    expectOk(await accept(product, id, truck))
    expect(expectOk(await product.dispatch.getBroadcast(truck.caller, id)).trucks[0]?.trip).toBeDefined()
  })
})
