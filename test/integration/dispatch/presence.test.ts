import { beforeEach, describe, expect, it } from '@jest/globals'
import { personKey, personRoom } from '../../../src/dispatch/ports.js'
import { statementsOf } from '../../support/database/statements.js'
import { until } from '../../support/engine/engine.js'
import { admin, customer, driver, northOfPickup, transporter } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { accept, asking, hire, registerTruck, type Truck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

let truck: Truck
let round = 0

const product = await useDispatch()
beforeEach(async () => {
  round++
  truck = await registerTruck(product, `${round}`, { vehicleType: type(), place: northOfPickup(1) })
  await product.settled()
  product.fanout.emits.length = 0
})

const type = () => `type_${round}`
const theDriver = () => driver(truck.driverId)
const beat = (more = {}) => product.dispatch.driverHeartbeat(theDriver(), { ...northOfPickup(1), ...more })
const toggle = (isOnline: boolean) => product.dispatch.setDriverAvailability(theDriver(), { isOnline })
const told = async () => {
  await product.settled()
  return product.fanout
    .heard(personRoom(truck.caller), 'driver_status_changed')
    .map(({ data }) => [data.isOnline, data.isBusy])
}
const seen = async () => {
  const { dispatch } = product
  const detail = expectOk(await dispatch.getDriver(truck.caller, truck.driverId))
  const list = expectOk(await dispatch.listDrivers(truck.caller, { limit: 20 })).items
  const choice = expectOk(await dispatch.listDrivers(truck.caller, { limit: 20, assignable: true })).items
  expect(list).toEqual([detail])
  return { isOnline: detail.isOnline, isAssignable: choice.some(item => item.id === detail.id) }
}

describe('a driver', () => {
  it('R6.6 P4.5 going off and on is visible in list, detail and search, and each change is announced once', async () => {
    expect(await seen()).toEqual({ isOnline: true, isAssignable: true })
    expectOk(await toggle(false))
    expectOk(await toggle(false))
    expect(await seen()).toEqual({ isOnline: false, isAssignable: false })
    expect(await told()).toEqual([[false, false]])
    expectOk(await toggle(true))
    expectOk(await toggle(true))
    expect(await seen()).toEqual({ isOnline: true, isAssignable: true })
    expect(await told()).toEqual([
      [false, false],
      [true, false],
    ])
  })

  it('R6.3 that falls silent is offline, announced within two seconds, and back with its next heartbeat', async () => {
    product.startSweeps()
    product.passTime(60_000)
    expect(await seen()).toEqual({ isOnline: false, isAssignable: false })
    await until(async () => (await told()).length > 0, 2_000)
    expect(await told()).toEqual([[false, false]])
    expectOk(await beat())
    expect(await seen()).toEqual({ isOnline: true, isAssignable: true })
    expect(await told()).toEqual([
      [false, false],
      [true, false],
    ])
  })

  it('is not switched on by a heartbeat', async () => {
    expectOk(await toggle(false))
    expectOk(await beat())
    expectOk(await beat({ vehicleId: truck.vehicleId }))
    expect((await seen()).isOnline).toBe(false)
  })

  it('costs no statement for a heartbeat without news', async () => {
    const { statements } = await statementsOf(async () => {
      for (let i = 0; i < 5; i++) expectOk(await beat({ vehicleId: truck.vehicleId }))
      await product.settled()
    })
    expect(statements).toEqual([])
  })

  it('switched on returns by a heartbeat after presence was lost', async () => {
    await product.presence.dropDriver(truck.driverId)
    expect((await seen()).isOnline).toBe(false)
    expectOk(await beat())
    expect(await seen()).toEqual({ isOnline: true, isAssignable: true })
    expect(await told()).toEqual([[true, false]])
  })

  it('on a trip is busy, cannot be assigned or deleted, and is announced as free afterwards', async () => {
    const { dispatch } = product
    const me = customer(`c${round}`)
    const { id } = expectOk(await dispatch.createBroadcast(me, asking(1, type()))).broadcast
    expectOk(await accept(product, id, truck))
    await until(async () => (await told()).length > 0)
    expect(await told()).toEqual([[true, true]])
    expect(await seen()).toEqual({ isOnline: true, isAssignable: false })
    expect(expectProblem(await dispatch.deleteDriver(truck.caller, truck.driverId))).toBe('DRIVER_BUSY')
    expect(expectProblem(await dispatch.deleteVehicle(truck.caller, truck.vehicleId))).toBe('VEHICLE_BUSY')
    const other = { vehicleType: 'other', number: '1' }
    expect(expectProblem(await dispatch.putVehicle(truck.caller, truck.vehicleId, other))).toBe(
      'VEHICLE_BUSY',
    )
    expectOk(await dispatch.sendToBroadcast(me, id, { type: 'cancel' }))
    await until(async () => (await told()).length > 1)
    expect(await told()).toEqual([
      [true, true],
      [true, false],
    ])
  })

  it('may name only vehicles of its own fleet, and must be in a fleet', async () => {
    const foreign = await registerTruck(product, `${round}-foreign`)
    expect(expectProblem(await beat({ vehicleId: foreign.vehicleId }))).toBe('VEHICLE_NOT_IN_FLEET')
    const nobody = driver(`nobody-${round}`)
    expect(expectProblem(await product.dispatch.driverHeartbeat(nobody, northOfPickup(1)))).toBe('NOT_FOUND')
    const on = await product.dispatch.setDriverAvailability(nobody, { isOnline: true })
    expect(expectProblem(on)).toBe('NOT_FOUND')
  })

  it('that was deleted is present nowhere', async () => {
    const { dispatch } = product
    expectOk(await dispatch.deleteDriver(truck.caller, truck.driverId))
    expect(expectProblem(await dispatch.getDriver(truck.caller, truck.driverId))).toBe('NOT_FOUND')
    const made = expectOk(await dispatch.createBroadcast(customer(`c${round}`), asking(1, type())))
    expect(made.broadcast.matchingTransportersCount).toBe(0)
  })
})

describe('a fleet', () => {
  it('is visible only to its transporter', async () => {
    const { dispatch } = product
    const other = transporter(`other-${round}`)
    await dispatch.isActive(other)
    const put = { name: 'Mine' }
    expect(expectProblem(await dispatch.putDriver(other, truck.driverId, put))).toBe('DRIVER_TAKEN')
    expect(
      expectProblem(
        await dispatch.putVehicle(other, truck.vehicleId, { vehicleType: 'tata_ace', number: '1' }),
      ),
    ).toBe('VEHICLE_TAKEN')
    for (const result of [
      await dispatch.getDriver(other, truck.driverId),
      await dispatch.deleteDriver(other, truck.driverId),
      await dispatch.deleteVehicle(other, truck.vehicleId),
    ]) {
      expect(expectProblem(result)).toBe('NOT_FOUND')
    }
    expect(expectOk(await dispatch.listVehicles(other, { limit: 5 })).items).toEqual([])
    expect(expectProblem(await dispatch.listVehicles(theDriver(), { limit: 5 }))).toBe('FORBIDDEN')
  })

  it('is listed page by page, filtered or not, each driver once', async () => {
    const { dispatch } = product
    const caller = transporter(`pages-${round}`)
    await dispatch.isActive(caller)
    for (let i = 0; i < 7; i++) {
      await hire(product, caller, `p${round}-${i}`)
      expectOk(await dispatch.putVehicle(caller, `pv${round}-${i}`, { vehicleType: 'a', number: `${i}` }))
      if (i % 2 === 0) {
        expectOk(await dispatch.setDriverAvailability(driver(`p${round}-${i}`), { isOnline: true }))
      }
    }
    const walk = async (list: (cursor?: string) => ReturnType<typeof dispatch.listDrivers>) => {
      const ids: string[] = []
      let cursor: string | undefined
      do {
        const page = expectOk(await list(cursor))
        ids.push(...page.items.map(item => item.id.replace(/^.*-/, '')))
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      return ids.join('')
    }
    const drivers = (assignable?: boolean) =>
      walk(cursor => dispatch.listDrivers(caller, { limit: 2, cursor, assignable }))
    expect(await drivers()).toBe('6543210')
    expect(await drivers(true)).toBe('6420')
    expect(await drivers(false)).toBe('531')
    const vehicles = await dispatch.listVehicles(caller, { limit: 100 })
    expect(expectOk(vehicles).items).toHaveLength(7)
    expect(expectProblem(await dispatch.listVehicles(caller, { limit: 2, cursor: 'AAAA' }))).toBe(
      'VALIDATION_FAILED',
    )
  })
})

describe('a user', () => {
  it('turned off is disconnected, inactive and absent; turned on again is active', async () => {
    const { dispatch, fanout } = product
    expect(await dispatch.isActive(truck.caller)).toBe(true)
    expectOk(await dispatch.setPersonActive(admin, truck.caller, false))
    expect(fanout.disconnected).toContain(personKey(truck.caller))
    expect(await dispatch.isActive(truck.caller)).toBe(false)
    const made = expectOk(await dispatch.createBroadcast(customer(`c${round}`), asking(1, type())))
    expect(made.broadcast.matchingTransportersCount).toBe(0)
    expectOk(await dispatch.setPersonActive(admin, truck.caller, true))
    expect(await dispatch.isActive(truck.caller)).toBe(true)
    expect(expectProblem(await dispatch.setPersonActive(truck.caller, customer('x'), false))).toBe(
      'FORBIDDEN',
    )
  })

  it('R6.2 may toggle ten times in five minutes; the refusal says when to retry', async () => {
    const caller = transporter(`toggler-${round}`)
    await product.dispatch.isActive(caller)
    const set = (isAvailable: boolean) => product.dispatch.setTransporterAvailability(caller, isAvailable)
    const startedAt = performance.now()
    for (let i = 0; i < 10; i++) {
      expectOk(await set(i % 2 === 0))
      expectOk(await set(i % 2 === 0))
    }
    const limited = await set(true)
    expect(limited).toMatchObject({ ok: false, problem: { code: 'RATE_LIMITED' } })
    // Five minutes from the first of them.
    const leftSeconds = 300 - (performance.now() - startedAt) / 1_000
    if (limited.ok) throw new Error('the eleventh toggle was not refused')
    expect(limited.problem.retryAfterSeconds).toBeGreaterThan(leftSeconds - 1)
    expect(limited.problem.retryAfterSeconds).toBeLessThanOrEqual(300)
    expectOk(await set(false))
  })
})
