/* Two dispatches, as in two processes, on one Postgres and one Redis. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { personRoom } from '../../../src/dispatch/ports.js'
import { useDatabase } from '../../support/database/use-database.js'
import { openDispatch, type Product } from '../../support/engine/dispatch.js'
import { until } from '../../support/engine/engine.js'
import { customer, driver, northOfPickup, transporter } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { asking, registerTruck, type Truck } from '../../support/engine/trucks.js'
import { redisForTests, useRedis } from '../../support/redis/redis.js'
import { DRIVER_TTL_MS, type RedisPresences, redisPresences } from '../../support/redis/redis-presences.js'
import { startRedisProxy } from '../../support/redis/redis-proxy.js'

const { describeWithRedis } = await redisForTests()
const { connectionString } = await useDatabase()

describeWithRedis('two processes on one Redis', () => {
  afterAll(async () => {
    await Promise.all([a.close(), b.close()])
    presences.close()
  })
  const server = useRedis()
  let presences: RedisPresences
  let a: Product
  let b: Product
  let truck: Truck
  let round = 0

  beforeAll(async () => {
    presences = redisPresences(server)
    const open = async () =>
      openDispatch(connectionString, {}, { presence: (await presences.open()).presence })
    a = await open()
    b = await open()
  })
  beforeEach(async () => {
    round++
    truck = await registerTruck(a, `${round}`, { vehicleType: type(), place: northOfPickup(1) })
    await settled()
    for (const { fanout } of [a, b]) fanout.emits.length = 0
  })

  const type = () => `type_${round}`
  const settled = async () => void (await Promise.all([a.settled(), b.settled()]))
  const theDriver = () => driver(truck.driverId)
  /** The transporter's events from both processes. */
  const told = async () => {
    await settled()
    return [a, b].flatMap(({ fanout }) =>
      fanout.heard(personRoom(truck.caller), 'driver_status_changed').map(({ data }) => data.isOnline),
    )
  }
  const seenBy = async ({ dispatch }: Product) => {
    const detail = expectOk(await dispatch.getDriver(truck.caller, truck.driverId))
    const list = expectOk(await dispatch.listDrivers(truck.caller, { limit: 20 })).items
    const choice = expectOk(await dispatch.listDrivers(truck.caller, { limit: 20, assignable: true })).items
    expect(list).toEqual([detail])
    return [detail.isOnline, choice.length === 1]
  }

  it('R6.6 P4.5 a driver’s toggle on one is visible on the other in list, detail and search, and announced once by either', async () => {
    const toggle = ({ dispatch }: Product, isOnline: boolean) =>
      dispatch.setDriverAvailability(theDriver(), { isOnline })
    expect([await seenBy(a), await seenBy(b)]).toEqual([
      [true, true],
      [true, true],
    ])
    expectOk(await toggle(b, false))
    expectOk(await toggle(a, false))
    expect(await seenBy(a)).toEqual([false, false])
    expect(await told()).toEqual([false])
    expectOk(await toggle(a, true))
    expectOk(await toggle(b, true))
    expect(await seenBy(b)).toEqual([true, true])
    expect((await told()).sort()).toEqual([false, true])
  })

  it('R6.3 R6.6 a driver’s silence is announced once, within two seconds, though both look for it, and its next heartbeat once', async () => {
    a.startSweeps()
    b.startSweeps()
    presences.passTime(DRIVER_TTL_MS)
    await until(async () => (await told()).length > 0, 2_000)
    expect(await seenBy(b)).toEqual([false, false])
    // Nothing is left for another turn of either.
    expect([await a.presence.lapsedDrivers(), await b.presence.lapsedDrivers()]).toEqual([[], []])
    expect(await told()).toEqual([false])
    const beat = ({ dispatch }: Product) => dispatch.driverHeartbeat(theDriver(), northOfPickup(1))
    expectOk(await beat(b))
    expectOk(await beat(a))
    expect((await told()).sort()).toEqual([false, true])
  })

  it('R11.3 a driver that agrees to another fleet on one is gone from the old fleet on the other', async () => {
    const next = transporter(`next-${round}`)
    await a.dispatch.isActive(next)
    const beat = ({ dispatch }: Product) => dispatch.driverHeartbeat(theDriver(), northOfPickup(2))
    expectOk(await b.dispatch.leaveFleet(theDriver()))
    expect(expectProblem(await beat(a))).toBe('NOT_FOUND')
    expectOk(await a.dispatch.putDriver(truck.caller, truck.driverId, { name: 'Asha' }))
    expectOk(await a.dispatch.putDriver(next, truck.driverId, { name: 'Asha' }))
    expectOk(await a.dispatch.joinFleet(theDriver(), { transporterId: truck.caller.id }))
    expectOk(
      await b.dispatch.setDriverAvailability(theDriver(), { isOnline: true, vehicleId: truck.vehicleId }),
    )
    expectOk(await beat(a))
    expect(await a.presence.driversOf(truck.caller.id)).toHaveLength(1)
    await settled()
    for (const { fanout } of [a, b]) fanout.emits.length = 0
    expectOk(await b.dispatch.joinFleet(theDriver(), { transporterId: next.id }))
    for (const product of [a, b]) {
      expectOk(await beat(product))
      expect(await product.presence.driversOf(truck.caller.id)).toEqual([])
      expect(expectProblem(await product.dispatch.getDriver(truck.caller, truck.driverId))).toBe('NOT_FOUND')
      const seen = expectOk(await product.dispatch.getDriver(next, truck.driverId))
      expect(seen).toEqual({
        id: truck.driverId,
        name: 'Asha',
        confirmed: true,
        isOnline: false,
        isBusy: false,
      })
    }
    expect(await told()).toEqual([])
  })

  it('R6.1 a request made on one is offered to transporters connected to the other', async () => {
    const { dispatch } = b
    const made = expectOk(await dispatch.createBroadcast(customer(`c${round}`), asking(1, type())))
    expect(made.broadcast.matchingTransportersCount).toBe(1)
    expect(b.fanout.heard(personRoom(truck.caller), 'new_broadcast')).toHaveLength(1)
  })

  it('R6.2 toggles of one transporter on both are counted together', async () => {
    const caller = transporter(`toggler-${round}`)
    await a.dispatch.isActive(caller)
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        [a, b][i % 2]?.dispatch.setTransporterAvailability(caller, (i >> 1) % 2 === 0),
      ),
    )
    const [row] = (await a.sql.query('select changes from transporters where id = $1', [caller.id])).rows
    expect(row.changes).toHaveLength(10)
    const refused = results.flatMap(result =>
      result === undefined || result.ok ? [] : [expectProblem(result)],
    )
    expect(refused.length).toBeGreaterThan(0)
    expect(new Set(refused)).toEqual(new Set(['RATE_LIMITED']))
  })

  it('R5.4 P2.1 Redis never holds data of a request', async () => {
    const me = customer(`c${round}`)
    const { id } = expectOk(await a.dispatch.createBroadcast(me, asking(1, type()))).broadcast
    const during = await presences.contents()
    expectOk(await a.dispatch.sendToBroadcast(me, id, { type: 'cancel' }))
    const after = await presences.contents()
    for (const text of [during, after]) {
      expect(text).toContain(truck.driverId)
      expect(text).not.toContain(id)
      expect(text).not.toMatch(new RegExp(`\\b${me.id}\\b`))
      expect(text.split('\n').filter(line => !/^loadcast:(presence:\{\d\}|probe):/.test(line))).toEqual([])
    }
  })
})

describeWithRedis('presence in Redis', () => {
  const server = useRedis()
  let presences: RedisPresences

  beforeEach(async () => {
    presences = redisPresences(server)
    await presences.ask('flushall')
  })
  afterEach(() => presences.close())

  it('R6.4 a heartbeat, a search and any query cost one round trip, however many drivers they find', async () => {
    const proxy = await startRedisProxy(server.url)
    // A probe during the measurement would be counted.
    const { presence } = await presences.open({ url: proxy.url, probeEveryMs: 3_600_000 })
    const costOf = async (work: () => Promise<unknown>) => {
      const before = proxy.roundTrips()
      await work()
      return proxy.roundTrips() - before
    }
    const put = (i: number) =>
      presence.putDriver(`d${i}`, {
        transporterId: `t${i}`,
        vehicle: { id: `v${i}`, vehicleType: i % 2 === 0 ? 'a' : 'b' },
        place: northOfPickup(i / 100),
      })
    await Promise.all(Array.from({ length: 500 }, (_, i) => put(i)))
    const ids = (kind: string) => Array.from({ length: 500 }, (_, i) => `${kind}${i}`)
    await presence.touchTransporters(ids('t'))
    // Each once before, for a script's first use carries its text.
    const nearby = async (radiusKm: number, count: number) => {
      expect(await presence.nearby(northOfPickup(0), radiusKm, ['a', 'b'], 1_000)).toHaveLength(count)
    }
    const questions = [
      () => presence.beatDriver('d7', northOfPickup(0.5)),
      () => nearby(0.005, 1),
      () => nearby(100, 500),
      () => presence.presentAmong(ids('t')),
      () => presence.driverStates(ids('d')),
      () => presence.driversOf('t7'),
      () => presence.lapsedDrivers(),
    ]
    for (const question of questions) await question()
    for (const question of questions) expect(await costOf(question)).toBe(1)
    presences.close()
    await proxy.close()
  })

  it('R6.4 finds present drivers behind any number of expired but unswept ones, in two round trips', async () => {
    const proxy = await startRedisProxy(server.url)
    const { presence } = await presences.open({ url: proxy.url, probeEveryMs: 3_600_000 })
    const put = (id: string, km: number) =>
      presence.putDriver(id, {
        transporterId: `owner-of-${id}`,
        vehicle: { id: `v-${id}`, vehicleType: 'a' },
        place: northOfPickup(km),
      })
    for (let i = 0; i < 150; i++) await put(`lapsed-${i}`, 1)
    presences.passTime(DRIVER_TTL_MS)
    for (const km of [2, 3, 4]) await put(`here-${km}`, km)
    const before = proxy.roundTrips()
    expect((await presence.nearby(northOfPickup(0), 10, ['a'], 2)).map(({ driverId }) => driverId)).toEqual([
      'here-2',
      'here-3',
    ])
    expect(proxy.roundTrips() - before).toBe(2)
    await proxy.close()
  })

  it('R6.3 is swept by one process at a time; when that one ends, by another in less than a second', async () => {
    const [first, second] = [(await presences.open()).presence, (await presences.open()).presence]
    await first.putDriver('silent', { transporterId: 't', vehicle: undefined })
    expect(await first.lapsedDrivers()).toEqual([])
    presences.passTime(DRIVER_TTL_MS)
    expect(await first.lapsedDrivers()).toEqual([{ driverId: 'silent', transporterId: 't' }])
    await first.putDriver('other', { transporterId: 't', vehicle: undefined })
    presences.passTime(DRIVER_TTL_MS - 500)
    await first.lapsedDrivers()
    presences.passTime(500)
    expect(await second.lapsedDrivers()).toEqual([])
    presences.passTime(500)
    expect(await second.lapsedDrivers()).toEqual([{ driverId: 'other', transporterId: 't' }])
  })

  it('keeps nothing for ever: silent drivers are forgotten, and every key expires', async () => {
    const { presence } = await presences.open()
    const vehicle = { id: 'v', vehicleType: 'a' }
    await presence.putDriver('the-driver', { transporterId: 'the-owner', vehicle, place: northOfPickup(1) })
    await presence.beatDriver('the-driver', northOfPickup(2))
    await presence.touchTransporters(['the-owner'])
    const keys = (await presences.ask('keys', '*')) as string[]
    expect(keys.length).toBeGreaterThan(4)
    for (const key of keys) expect([key, Number(await presences.ask('ttl', key)) > 0]).toEqual([key, true])
    presences.passTime(DRIVER_TTL_MS)
    await presence.lapsedDrivers()
    presences.passTime(3_600_000)
    await presence.lapsedDrivers()
    expect(await presences.contents()).not.toMatch(/the-driver|the-owner/)
  })
})
