/*
 * Membership of drivers, attacked: a transporter that names foreign drivers or invents a fleet learns nothing and can
 * assign nobody. The rightful transporter is not blocked.
 */
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { Caller } from '../../../src/dispatch/person.js'
import { personRoom } from '../../../src/dispatch/ports.js'
import type { Product } from '../../support/engine/dispatch.js'
import { admin, customer, driver, northOfPickup, transporter } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { accept, asking, hire, registerTruck, type Truck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

let dispatch: Product['dispatch']
/** The rightful owner's, online. */
let truck: Truck
let squatter: Caller
let round = 0

const product = await useDispatch({ maxFleet: 5 })

beforeAll(async () => {
  dispatch = product.dispatch
})
beforeEach(async () => {
  round++
  squatter = transporter(`squatter-${round}`)
  await dispatch.isActive(squatter)
  expectOk(await dispatch.putVehicle(squatter, `sv-${round}`, { vehicleType: type(), number: '1' }))
  expectOk(await dispatch.setTransporterAvailability(squatter, true))
  truck = undefined as never
})

const type = () => `type_${round}`
const named = { name: 'Asha' }
const me = () => driver(`d-${round}`)
const ready = async () => {
  truck = await registerTruck(product, `${round}`, { vehicleType: type(), place: northOfPickup(1) })
  await product.settled()
}
const invite = (by: Caller, id = me().id) => dispatch.putDriver(by, id, named)
const agree = (to: Caller, who = me()) => dispatch.joinFleet(who, { transporterId: to.id })
const ask = async (who = `c${round}`) => {
  const made = expectOk(await dispatch.createBroadcast(customer(who), asking(1, type()))).broadcast
  await product.settled()
  return made
}
const statusTold = async (to: Caller) => {
  await product.settled()
  return product.fanout
    .heard(personRoom(to), 'driver_status_changed')
    .filter(e => e.data.driverId === me().id)
}
const nameAlone = () => ({ id: me().id, name: 'Asha', confirmed: false, isOnline: false, isBusy: false })
const acceptBy = (by: Caller, id: string, vehicleId = `sv-${round}`) =>
  accept(product, id, { caller: by, driverId: me().id, vehicleId })

describe('a transporter that names a foreign driver', () => {
  it('R11.3 sees the name it gave, whatever the person does before and after', async () => {
    expect(expectOk(await invite(squatter))).toEqual({ ...nameAlone(), isNew: true })
    await ready()
    await ask()
    expectOk(await acceptBy(truck.caller, (await ask()).id, truck.vehicleId))
    expect(expectOk(await dispatch.getDriver(squatter, me().id))).toEqual(nameAlone())
    for (const assignable of [undefined, false]) {
      expect(expectOk(await dispatch.listDrivers(squatter, { limit: 5, assignable })).items).toEqual([
        nameAlone(),
      ])
    }
    expect(expectOk(await dispatch.listDrivers(squatter, { limit: 5, assignable: true })).items).toEqual([])
    expect(await statusTold(squatter)).toEqual([])
  })

  it('R11.3 does not block the rightful transporter, which gets the driver when it accepts', async () => {
    expectOk(await invite(squatter))
    const owner = transporter(`owner-${round}`)
    await dispatch.isActive(owner)
    expect(expectOk(await invite(owner)).confirmed).toBe(false)
    const { invitations, transporterId } = expectOk(await dispatch.getDriverFleet(me()))
    expect([transporterId, invitations.map(one => one.transporterId)]).toEqual([
      null,
      [owner.id, squatter.id],
    ])
    expect(Math.abs(Date.parse(invitations[0]?.invitedAt ?? '') - Date.now())).toBeLessThan(60_000)
    expect(expectOk(await agree(owner))).toMatchObject({ transporterId: owner.id })
    expect(expectOk(await dispatch.getDriver(owner, me().id)).confirmed).toBe(true)
    expect(expectProblem(await invite(squatter))).toBe('DRIVER_TAKEN')
    const late = transporter(`late-${round}`)
    await dispatch.isActive(late)
    expect(expectProblem(await invite(late))).toBe('DRIVER_TAKEN')
    expect(expectProblem(await dispatch.deleteDriver(late, me().id))).toBe('NOT_FOUND')
    expect(expectOk(await dispatch.getDriver(squatter, me().id))).toEqual(nameAlone())
  })

  it('R11.3 withdraws its invitation without a trace', async () => {
    expectOk(await invite(squatter))
    await ready()
    product.fanout.emits.length = 0
    expectOk(await dispatch.deleteDriver(squatter, me().id))
    expect(expectProblem(await dispatch.deleteDriver(squatter, me().id))).toBe('NOT_FOUND')
    expect(expectOk(await dispatch.getDriver(truck.caller, me().id)).isOnline).toBe(true)
    expect(await statusTold(truck.caller)).toEqual([])
  })

  it('R11.3 cannot assign it, and gets the refusals in the contract’s order', async () => {
    const { id } = await ask()
    expect(expectProblem(await acceptBy(squatter, id))).toBe('DRIVER_NOT_IN_FLEET')
    expectOk(await invite(squatter))
    expect(expectProblem(await acceptBy(squatter, id, 'nobodys'))).toBe('VEHICLE_NOT_IN_FLEET')
    expect(expectProblem(await acceptBy(squatter, id))).toBe('DRIVER_NOT_CONFIRMED')
    expectOk(await dispatch.putVehicle(squatter, `other-${round}`, { vehicleType: 'other', number: '2' }))
    expect(expectProblem(await acceptBy(squatter, id, `other-${round}`))).toBe('DRIVER_NOT_CONFIRMED')
    expectOk(await dispatch.sendToBroadcast(customer(`c${round}`), id, { type: 'cancel' }))
    expect(expectProblem(await acceptBy(squatter, id))).toBe('BROADCAST_CANCELLED')
  })

  it('R11.3 may name a customer, which does not notice and is not listed', async () => {
    const victim = customer(`victim-${round}`)
    await dispatch.isActive(victim)
    expectOk(await invite(squatter, victim.id))
    expect(expectProblem(await dispatch.joinFleet(victim, { transporterId: squatter.id }))).toBe('FORBIDDEN')
    await ask(victim.id)
    const seen = expectOk(await dispatch.getDriver(squatter, victim.id))
    expect(seen).toEqual({ ...nameAlone(), id: victim.id })
  })

  it('R11.3 gets no offer because of a near driver that only is invited', async () => {
    await ready()
    expectOk(await invite(squatter, `${me().id}-free`))
    const { id } = await ask()
    const items = expectOk(await dispatch.listRecipients(admin, id, { limit: 10 })).items
    expect(items.filter(item => item.isOffered).map(item => item.transporterId)).toEqual([truck.caller.id])
  })
})

describe('a driver', () => {
  it('R11.3 without a fleet sees that, invited or not', async () => {
    expect(expectOk(await dispatch.getDriverFleet(me()))).toEqual({ transporterId: null, invitations: [] })
    expect(expectProblem(await agree(squatter))).toBe('NOT_FOUND')
    expectOk(await invite(squatter))
    for (const refused of [
      await dispatch.setDriverAvailability(me(), { isOnline: true }),
      await dispatch.setDriverAvailability(me(), { isOnline: true, vehicleId: `sv-${round}` }),
      await dispatch.driverHeartbeat(me(), northOfPickup(1)),
      await dispatch.driverHeartbeat(me(), { ...northOfPickup(1), vehicleId: `sv-${round}` }),
    ]) {
      expect(['NOT_FOUND', 'VEHICLE_NOT_IN_FLEET']).toContain(expectProblem(refused))
    }
    expect((await product.presence.driverStates([me().id])).size).toBe(0)
    expectOk(await dispatch.deleteDriver(squatter, me().id))
    expect(expectProblem(await dispatch.getDriver(squatter, me().id))).toBe('NOT_FOUND')
    expect(expectProblem(await agree(squatter))).toBe('NOT_FOUND')
    expectOk(await dispatch.leaveFleet(me()))
  })

  it('R11.3 that leaves is not in the old fleet at all, and keeps nothing of it', async () => {
    await ready()
    product.fanout.emits.length = 0
    expectOk(await dispatch.leaveFleet(me()))
    expectOk(await dispatch.leaveFleet(me()))
    expect(expectProblem(await dispatch.getDriver(truck.caller, me().id))).toBe('NOT_FOUND')
    expect(expectOk(await dispatch.listDrivers(truck.caller, { limit: 5 })).items).toEqual([])
    expect((await product.presence.driverStates([me().id])).size).toBe(0)
    expect(await product.presence.driversOf(truck.caller.id)).toEqual([])
    expect(expectProblem(await dispatch.driverHeartbeat(me(), northOfPickup(1)))).toBe('NOT_FOUND')
    expect((await ask()).reach.notified).toBe(0)
    expectOk(await invite(squatter))
    expectOk(await agree(squatter))
    const joined = { ...nameAlone(), confirmed: true }
    expect(expectOk(await dispatch.getDriver(squatter, me().id))).toEqual(joined)
    expectOk(await dispatch.setDriverAvailability(me(), { isOnline: true, vehicleId: `sv-${round}` }))
    expectOk(await dispatch.driverHeartbeat(me(), northOfPickup(2)))
    expect(await statusTold(truck.caller)).toEqual([])
    expect(await statusTold(squatter)).toHaveLength(1)
    expect(expectOk(await dispatch.getDriver(squatter, me().id))).toMatchObject({
      isOnline: true,
      location: northOfPickup(2),
      vehicleId: `sv-${round}`,
    })
  })

  it('R11.3 that agrees to another moves: its presence, vehicle and news of the old fleet are gone', async () => {
    expectOk(await invite(squatter))
    await ready()
    product.fanout.emits.length = 0
    expectOk(await agree(squatter))
    expect(expectProblem(await dispatch.getDriver(truck.caller, me().id))).toBe('NOT_FOUND')
    expect(expectOk(await dispatch.getDriver(squatter, me().id))).toEqual({ ...nameAlone(), confirmed: true })
    // The app has not noticed, and still sends heartbeats.
    expectOk(await dispatch.driverHeartbeat(me(), northOfPickup(1)))
    expect(await product.presence.driversOf(truck.caller.id)).toEqual([])
    product.passTime(120_000)
    product.startSweeps()
    expect(await statusTold(truck.caller)).toEqual([])
    expect(
      expectProblem(
        await dispatch.driverHeartbeat(me(), { ...northOfPickup(1), vehicleId: truck.vehicleId }),
      ),
    ).toBe('VEHICLE_NOT_IN_FLEET')
  })

  it('R11.3 that agrees twice changes nothing, and stays online', async () => {
    await ready()
    expectOk(await agree(truck.caller))
    expect(expectOk(await dispatch.getDriver(truck.caller, me().id)).isOnline).toBe(true)
  })

  it('R11.3 on a trip can neither leave nor move until it is over', async () => {
    expectOk(await invite(squatter))
    await ready()
    const { id } = await ask()
    expectOk(await accept(product, id, truck))
    expect(expectProblem(await dispatch.leaveFleet(me()))).toBe('DRIVER_BUSY')
    expect(expectProblem(await agree(squatter))).toBe('DRIVER_BUSY')
    expectOk(await agree(truck.caller))
    expectOk(await dispatch.sendToBroadcast(customer(`c${round}`), id, { type: 'cancel' }))
    expectOk(await agree(squatter))
    expect(expectOk(await dispatch.listDriverTrips(me(), { limit: 5 })).items).toHaveLength(1)
  })

  it('R11.3 whose leave overtakes its going online is present nowhere', async () => {
    await ready()
    expectOk(await dispatch.setDriverAvailability(me(), { isOnline: false }))
    const { presence } = product
    const { putDriver } = presence
    // Between the facts and presence.
    ;(presence as { putDriver: typeof putDriver }).putDriver = async (...asked) => {
      ;(presence as { putDriver: typeof putDriver }).putDriver = putDriver
      expectOk(await dispatch.leaveFleet(me()))
      return putDriver(...asked)
    }
    await dispatch.setDriverAvailability(me(), { isOnline: true, vehicleId: truck.vehicleId })
    expect((await presence.driverStates([me().id])).size).toBe(0)
  })

  it('R11.3 that was turned off cannot be assigned, and causes no offers', async () => {
    await ready()
    expectOk(await dispatch.setPersonActive(admin, me(), false))
    const { id, reach } = await ask()
    expect(reach.notified).toBe(0)
    expect(expectOk(await dispatch.getDriver(truck.caller, me().id)).isOnline).toBe(false)
    expect(expectProblem(await accept(product, id, truck))).toBe('DRIVER_INACTIVE')
    expect(expectProblem(await accept(product, id, { ...truck, vehicleId: `sv-${round}` }))).toBe(
      'VEHICLE_NOT_IN_FLEET',
    )
    expectOk(await dispatch.setPersonActive(admin, me(), true))
    expectOk(await accept(product, id, truck))
  })
})

describe('a fleet', () => {
  it('R11.3 is listed with its invitations, newest first, page by page, each once', async () => {
    const ids = Array.from({ length: 5 }, (_, i) => `d-${round}-${i}`)
    for (const [i, id] of ids.entries())
      await (i % 2 === 0 ? hire(product, squatter, id) : invite(squatter, id))
    const listed: [string, boolean][] = []
    let cursor: string | undefined
    do {
      const page = expectOk(await dispatch.listDrivers(squatter, { limit: 2, cursor }))
      listed.push(...page.items.map(item => [item.id, item.confirmed] as [string, boolean]))
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    expect(listed).toEqual(ids.map((id, i) => [id, i % 2 === 0]).reverse())
  })

  it('R11.4 has at most MAX_FLEET drivers, including invited ones, and MAX_FLEET vehicles; the refusal says so', async () => {
    for (let i = 0; i < 5; i++)
      await (i % 2 === 0 ? hire(product, squatter, `d-${round}-${i}`) : invite(squatter, `d-${round}-${i}`))
    const refused = await invite(squatter)
    expect(refused).toMatchObject({
      ok: false,
      problem: { code: 'RATE_LIMITED', detail: expect.stringContaining('5') },
    })
    expect(expectOk(await invite(squatter, `d-${round}-0`)).confirmed).toBe(true)
    expect(expectOk(await invite(squatter, `d-${round}-1`)).confirmed).toBe(false)
    expectOk(await dispatch.deleteDriver(squatter, `d-${round}-1`))
    expectOk(await invite(squatter))
    const put = (i: number) =>
      dispatch.putVehicle(squatter, `v-${round}-${i}`, { vehicleType: type(), number: '1' })
    for (let i = 0; i < 4; i++) expectOk(await put(i))
    expect(await put(4)).toMatchObject({
      ok: false,
      problem: { code: 'RATE_LIMITED', retryAfterSeconds: 60 },
    })
    expectOk(await put(3))
    expectOk(await dispatch.deleteVehicle(squatter, `v-${round}-3`))
    expectOk(await put(4))
  })
})
