/* Presence emptied under a dispatch, and filled again by heartbeats. */
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { personRoom } from '../../../src/dispatch/ports.js'
import { statementsOf } from '../../support/database/statements.js'
import { useDatabase } from '../../support/database/use-database.js'
import { openDispatch, type Product } from '../../support/engine/dispatch.js'
import { customer, driver, northOfPickup } from '../../support/engine/people.js'
import { expectOk } from '../../support/engine/results.js'
import { asking, registerTruck, type Truck } from '../../support/engine/trucks.js'
import { redisForTests, useRedis } from '../../support/redis/redis.js'
import { type RedisPresences, redisPresences } from '../../support/redis/redis-presences.js'

const { describeWithRedis } = await redisForTests()
const { connectionString } = await useDatabase()

/** A heartbeat's interval, and a second for those in transit. */
const FILL_MS = 13_000
const FACTS_AGE_MS = 300_000

describeWithRedis('presence that was emptied', () => {
  afterAll(async () => {
    await product.close()
    presences.close()
  })
  const server = useRedis()
  let presences: RedisPresences
  let product: Product
  let near: Truck
  let far: Truck
  let round = 0

  beforeAll(async () => {
    presences = redisPresences(server)
    const { presence } = await presences.open({ fillMs: FILL_MS })
    product = openDispatch(connectionString, {}, { presence })
  })
  beforeEach(async () => {
    round++
    await presences.ask('flushall')
    near = await registerTruck(product, `${round}-near`, { vehicleType: type(), place: northOfPickup(1) })
    far = await registerTruck(product, `${round}-far`, { vehicleType: type(), place: northOfPickup(900) })
    await filled()
    product.fanout.emits.length = 0
  })

  const type = () => `type_${round}`
  const beat = (truck: Truck, km: number) =>
    product.dispatch.driverHeartbeat(driver(truck.driverId), northOfPickup(km))
  const beats = async () => {
    expectOk(await beat(near, 1))
    expectOk(await beat(far, 900))
    expectOk(await product.dispatch.transporterHeartbeat(near.caller, {}))
    expectOk(await product.dispatch.transporterHeartbeat(far.caller, {}))
    await product.settled()
  }
  /** An interval of heartbeats later, with the sweeps of that time. */
  async function filled() {
    await product.presence.lapsedDrivers()
    await beats()
    presences.passTime(FILL_MS)
    expect(await product.presence.lapsedDrivers()).toEqual([])
  }
  const offeredTo = async (name: string) => {
    const made = await product.dispatch.createBroadcast(customer(`c${round}-${name}`), asking(1, type()))
    const { id } = expectOk(made).broadcast
    const isOffered = (truck: Truck) =>
      product.fanout
        .heard(personRoom(truck.caller), 'new_broadcast')
        .some(({ broadcastId }) => broadcastId === id)
    return [isOffered(near), isOffered(far)]
  }
  const toldOfDrivers = () =>
    product.fanout.emits.filter(({ envelope }) => envelope.type === 'driver_status_changed')

  it('R7.4 R6.1 offers go to every available transporter until heartbeats have filled it, then to near ones again', async () => {
    expect(await offeredTo('before')).toEqual([true, false])
    await presences.ask('flushall')
    expect(await offeredTo('emptied')).toEqual([true, true])
    await product.presence.lapsedDrivers()
    await beats()
    expect(await offeredTo('filling')).toEqual([true, true])
    presences.passTime(FILL_MS)
    await product.presence.lapsedDrivers()
    expect(await offeredTo('filled')).toEqual([true, false])
  })

  it('R6.6 a loss of presence changes no driver: nobody is informed, and lists show the switched-on drivers', async () => {
    await presences.ask('flushall')
    const online = async () => expectOk(await product.dispatch.getDriver(near.caller, near.driverId)).isOnline
    expect(await online()).toBe(true)
    await filled()
    expect(await online()).toBe(true)
    expect(toldOfDrivers()).toEqual([])
  })

  it('is filled with few statements, however many drivers return', async () => {
    for (let i = 0; i < 50; i++) {
      await registerTruck(product, `${round}-${i}`, { vehicleType: type(), place: northOfPickup(2) })
    }
    await product.settled()
    await presences.ask('flushall')
    const { statements } = await statementsOf(async () => {
      const all = Array.from({ length: 50 }, (_, i) => driver(`d-${round}-${i}`))
      for (const result of await Promise.all(
        all.map(caller => product.dispatch.driverHeartbeat(caller, northOfPickup(2))),
      )) {
        expectOk(result)
      }
      await product.settled()
    })
    expect(statements.length).toBeLessThanOrEqual(2)
  })

  it('a pause without any heartbeats counts as a loss: no driver expires by it', async () => {
    // Longer than any TTL: Redis was out of reach, with all that it knew.
    presences.passTime(150_000)
    expect(await product.presence.lapsedDrivers()).toEqual([])
    expect(await offeredTo('paused')).toEqual([true, true])
    await filled()
    expect(await offeredTo('again')).toEqual([true, false])
    expect(toldOfDrivers()).toEqual([])
  })

  it('a driver that was switched off while presence was unavailable is noticed within minutes', async () => {
    await product.fleet.setDriver(near.driverId, { isSwitchedOn: false })
    const isKnown = async () => (await product.presence.driverStates([near.driverId])).has(near.driverId)
    const step = 25_000
    for (let passed = 0; passed < FACTS_AGE_MS; passed += step) {
      expect(await isKnown()).toBe(true)
      presences.passTime(step)
      await product.presence.lapsedDrivers()
      await beats()
    }
    expect(await isKnown()).toBe(false)
    expect(toldOfDrivers().map(({ envelope }) => envelope.data)).toEqual([
      { driverId: near.driverId, isOnline: false, isBusy: false },
    ])
  })
})
