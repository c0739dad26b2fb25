import { beforeEach, describe, expect, it } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import { createFleetStore } from '../../../src/adapters/postgres/product/fleet-store.js'
import { useDatabase } from '../../support/database/use-database.js'
import { customer, transporter } from '../../support/engine/people.js'

const { sql } = await useDatabase({ connections: 10 })
const fleet = createFleetStore(sql)

beforeEach(async () => {
  await sql.query(
    'truncate people, users, transporters, vehicles, drivers, driver_invitations, claims cascade',
  )
  for (const id of ['t1', 't2']) await fleet.seePerson(transporter(id))
})

const MAX_FLEET = 1_000
const invite = (transporterId: string, driver: { id: string; name: string; phone?: string }) =>
  fleet.putDriver(transporterId, driver, MAX_FLEET)
const hire = async (transporterId: string, driver: { id: string; name: string; phone?: string }) => {
  await invite(transporterId, driver)
  await fleet.joinFleet(driver.id, transporterId)
}
const putVehicle = (transporterId: string, vehicle: { id: string; vehicleType: string; number: string }) =>
  fleet.putVehicle(transporterId, vehicle, MAX_FLEET)

const claim = (key: string) =>
  sql.query('insert into claims (key, instance) values ($1, $2)', [key, uuidv7()])

const driverOf = async (id: string) => {
  const driver = await fleet.getDriver('t1', id)
  if (driver === undefined) throw new Error(`no driver ${id}`)
  return driver
}

describe('people', () => {
  it('exist from their first use, even if it happens many times at once', async () => {
    const seen = await Promise.all(Array.from({ length: 20 }, () => fleet.seePerson(customer('new'))))
    expect(seen).toEqual(Array.from({ length: 20 }, () => ({ isActive: true, endedUpTo: 0 })))
    expect((await sql.query("select count(*)::int as n from people where id = 'new'")).rows[0].n).toBe(1)
  })

  it('stay inactive when seen again, and can be turned off before they are first seen', async () => {
    await fleet.setPersonActive(customer('later'), false)
    expect(await fleet.seePerson(customer('later'))).toMatchObject({ isActive: false })
    await fleet.setPersonActive(customer('later'), true)
    expect(await fleet.seePerson(customer('later'))).toMatchObject({ isActive: true })
  })
})

describe('drivers', () => {
  it('are invited, then replaced as a whole: omitted fields are removed', async () => {
    const invited = await invite('t1', { id: 'd1', name: 'Asha', phone: '1' })
    expect(invited).toMatchObject({
      kind: 'invited',
      driver: { id: 'd1', transporterId: 't1', name: 'Asha', phone: '1', isConfirmed: false, isBusy: false },
    })
    const updated = await invite('t1', { id: 'd1', name: 'Asha B' })
    expect(updated).toMatchObject({ kind: 'updated', driver: { name: 'Asha B', isConfirmed: false } })
    expect((await driverOf('d1')).phone).toBeUndefined()
    expect(await fleet.joinFleet('d1', 't1')).toBe('joined')
    expect(await driverOf('d1')).toMatchObject({ name: 'Asha B', isConfirmed: true, isSwitchedOn: false })
    const changed = await invite('t1', { id: 'd1', name: 'Asha C', phone: '3' })
    expect(changed).toMatchObject({
      kind: 'updated',
      driver: { name: 'Asha C', phone: '3', isConfirmed: true },
    })
  })

  it('may be invited by several, and belong to the one that they agreed to last', async () => {
    for (const t of ['t1', 't2'])
      expect(await invite(t, { id: 'd1', name: t })).toMatchObject({ kind: 'invited' })
    expect(await fleet.joinFleet('d1', 't1')).toBe('joined')
    expect(await fleet.joinFleet('d1', 't1')).toBe('unchanged')
    expect(await invite('t2', { id: 'd1', name: 'x' })).toEqual({ kind: 'taken' })
    expect(await fleet.joinFleet('d1', 't2')).toBe('joined')
    expect(await fleet.getDriver('t1', 'd1')).toBeUndefined()
    expect(await fleet.getDriver('t2', 'd1')).toMatchObject({ name: 't2', isConfirmed: true })
    expect(await fleet.fleetOfDriver('d1', 10)).toEqual({ transporterId: 't2', invitations: [] })
  })

  it('cannot be removed, move or leave while on a trip', async () => {
    await hire('t1', { id: 'd1', name: 'Asha' })
    expect(await fleet.deleteDriver('t2', 'd1')).toBe('missing')
    await fleet.leaveFleet('d1')
    for (const t of ['t1', 't2']) await invite(t, { id: 'd1', name: 'Asha' })
    await fleet.joinFleet('d1', 't1')
    await claim('driver:d1')
    expect(await fleet.deleteDriver('t1', 'd1')).toBe('busy')
    expect(await fleet.joinFleet('d1', 't2')).toBe('busy')
    expect(await fleet.joinFleet('d1', 't1')).toBe('unchanged')
    expect(await fleet.leaveFleet('d1')).toBe('busy')
    expect(await fleet.getDriver('t1', 'd1')).toMatchObject({ isConfirmed: true, isBusy: true })
    await sql.query('truncate claims')
    expect(await fleet.deleteDriver('t1', 'd1')).toBe('deleted')
    expect(await fleet.deleteDriver('t1', 'd1')).toBe('missing')
    expect(await fleet.joinFleet('d1', 't2')).toBe('joined')
    expect(await fleet.leaveFleet('d1')).toBe('left')
    expect(await fleet.leaveFleet('d1')).toBe('unchanged')
  })

  it('see their newest invitations, without withdrawn ones', async () => {
    for (let i = 0; i < 5; i++) await invite(`t${i}`, { id: 'd1', name: 'Asha' })
    expect(await fleet.deleteDriver('t3', 'd1')).toBe('withdrawn')
    expect(await fleet.joinFleet('d1', 't3')).toBe('missing')
    const { transporterId, invitations } = await fleet.fleetOfDriver('d1', 3)
    expect(transporterId).toBeNull()
    expect(invitations.map(invitation => invitation.transporterId)).toEqual(['t4', 't2', 't1'])
    expect(Math.abs((invitations[0]?.invitedAt ?? 0) - Date.now())).toBeLessThan(60_000)
  })

  it('are listed newest first, page by page, each once', async () => {
    const ids = Array.from({ length: 7 }, (_, i) => `d${i}`)
    for (const id of ids) await (Number(id.slice(1)) % 3 === 0 ? hire : invite)('t1', { id, name: id })
    await hire('t2', { id: 'other', name: 'other' })
    const listed: string[] = []
    let after: string | undefined
    for (;;) {
      const page = await fleet.listDrivers('t1', { limit: 3, ...(after === undefined ? {} : { after }) })
      listed.push(...page.map(driver => driver.id))
      after = page.at(-1)?.position
      if (page.length < 3) break
    }
    expect(listed).toEqual(ids.reverse())
  })

  it('record being switched on and the named vehicle, if it is of their fleet', async () => {
    await hire('t1', { id: 'd1', name: 'Asha' })
    await putVehicle('t1', { id: 'v1', vehicleType: '14ft', number: '1' })
    await putVehicle('t2', { id: 'v2', vehicleType: '14ft', number: '2' })
    expect(await fleet.setDriver('nobody', { isSwitchedOn: true })).toEqual({ kind: 'missing' })
    expect(await fleet.setDriver('d1', { isSwitchedOn: true, vehicleId: 'v2' })).toEqual({
      kind: 'vehicleNotInFleet',
    })
    expect((await driverOf('d1')).isSwitchedOn).toBe(false)
    expect(await fleet.setDriver('d1', { isSwitchedOn: true })).toMatchObject({
      kind: 'set',
      vehicle: undefined,
    })
    expect(await fleet.setDriver('d1', { vehicleId: 'v1' })).toMatchObject({
      kind: 'set',
      driver: { isSwitchedOn: true, vehicleId: 'v1' },
      vehicle: { id: 'v1', vehicleType: '14ft' },
    })
    const facts = {
      transporterId: 't1',
      isSwitchedOn: true,
      isBusy: false,
      vehicle: { id: 'v1', vehicleType: '14ft' },
    }
    expect(await fleet.driverPresenceFacts(['d1', 'nobody'])).toEqual(new Map([['d1', facts]]))
    expect(await fleet.setDriver('d1', { isSwitchedOn: false })).toMatchObject({
      driver: { isSwitchedOn: false, vehicleId: 'v1' },
    })
  })
})

describe('vehicles', () => {
  it('keep their type while on a trip, but not their number', async () => {
    expect(await putVehicle('t1', { id: 'v1', vehicleType: '14ft', number: '1' })).toMatchObject({
      kind: 'created',
      vehicle: { id: 'v1', vehicleType: '14ft', number: '1', isBusy: false },
      drivers: [],
    })
    await claim('vehicle:v1')
    expect(await putVehicle('t1', { id: 'v1', vehicleType: '20ft', number: '1' })).toEqual({
      kind: 'busy',
    })
    expect(await putVehicle('t1', { id: 'v1', vehicleType: '14ft', number: '2' })).toMatchObject({
      kind: 'updated',
      vehicle: { number: '2', isBusy: true },
    })
    expect(await putVehicle('t2', { id: 'v1', vehicleType: '14ft', number: '2' })).toEqual({
      kind: 'taken',
    })
    expect(await fleet.deleteVehicle('t1', 'v1')).toEqual({ kind: 'busy' })
  })

  it('name the drivers that use them, and are cleared there when deleted', async () => {
    await hire('t1', { id: 'd1', name: 'Asha' })
    await putVehicle('t1', { id: 'v1', vehicleType: '14ft', number: '1' })
    await fleet.setDriver('d1', { vehicleId: 'v1' })
    expect(await putVehicle('t1', { id: 'v1', vehicleType: '20ft', number: '1' })).toMatchObject({
      drivers: ['d1'],
    })
    expect(await fleet.deleteVehicle('t2', 'v1')).toEqual({ kind: 'missing' })
    expect(await fleet.deleteVehicle('t1', 'v1')).toEqual({ kind: 'deleted', drivers: ['d1'] })
    expect((await driverOf('d1')).vehicleId).toBeUndefined()
    expect(await fleet.listVehicles('t1', { limit: 10 })).toEqual([])
  })
})

describe('availability of a transporter', () => {
  const limit = { changes: 3, windowMs: 60_000 }
  const set = (isAvailable: boolean) => fleet.setTransporterAvailable('t1', isAvailable, limit)

  it('starts as false; repeating the present state changes and counts nothing', async () => {
    expect(await set(false)).toEqual({ kind: 'set', changed: false })
    expect(await set(true)).toEqual({ kind: 'set', changed: true })
    for (let i = 0; i < 10; i++) expect(await set(true)).toEqual({ kind: 'set', changed: false })
    expect(await set(false)).toEqual({ kind: 'set', changed: true })
  })

  it('can be changed a bounded number of times in the window, and then when the oldest change has left it', async () => {
    for (const isAvailable of [true, false, true]) await set(isAvailable)
    const limited = await set(false)
    expect(limited).toMatchObject({ kind: 'limited' })
    if (limited.kind === 'limited') {
      expect(limited.retryAfterMs).toBeGreaterThan(59_000)
      expect(limited.retryAfterMs).toBeLessThanOrEqual(60_000)
    }
    expect(await set(true)).toEqual({ kind: 'set', changed: false })
    await sql.query(`update transporters set changes[1] = changes[1] - interval '1 minute' where id = 't1'`)
    expect(await set(false)).toEqual({ kind: 'set', changed: true })
  })

  it('counts each change once when toggles race', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => set(i % 2 === 0)))
    const changes = results.filter(result => result.kind === 'set' && result.changed).length
    const { rows } = await sql.query("select cardinality(changes) as n from transporters where id = 't1'")
    expect(rows[0].n).toBe(changes)
    expect(changes).toBeLessThanOrEqual(limit.changes)
  })

  it('selects the transporters of the last step: available, active owners of the type', async () => {
    for (const t of ['t1', 't2']) {
      await putVehicle(t, { id: `${t}-a`, vehicleType: '14ft', number: '1' })
      await putVehicle(t, { id: `${t}-b`, vehicleType: '14ft', number: '2' })
    }
    expect(await fleet.availableOwners(['14ft'], 10)).toEqual([])
    await fleet.setTransporterAvailable('t1', true, limit)
    await fleet.setTransporterAvailable('t2', true, limit)
    expect([...(await fleet.availableOwners(['14ft', '20ft'], 10))].sort()).toEqual(['t1', 't2'])
    expect(await fleet.availableOwners(['20ft'], 10)).toEqual([])
    await fleet.setPersonActive(transporter('t2'), false)
    expect(await fleet.availableOwners(['14ft'], 10)).toEqual(['t1'])
  })
})

describe('facts of an accept', () => {
  it('contain driver and vehicle only if they are the transporter’s own, and no request if there is none', async () => {
    await hire('t1', { id: 'd1', name: 'Asha' })
    await putVehicle('t1', { id: 'v1', vehicleType: '14ft', number: '1' })
    expect(await fleet.acceptFacts(uuidv7(), 't1', 'd1', 'v1')).toEqual({
      broadcast: undefined,
      isUserActive: true,
      driver: { id: 'd1', name: 'Asha' },
      isInvited: false,
      isDriverActive: true,
      vehicle: { id: 'v1', number: '1', vehicleType: '14ft' },
      preconditions: [
        { table: 'drivers', row: { id: 'd1', transporter_id: 't1' }, isThere: true },
        { table: 'vehicles', row: { id: 'v1', transporter_id: 't1', vehicle_type: '14ft' }, isThere: true },
        { table: 'people', row: { id: 't1', role: 'transporter', active: false }, isThere: false },
        { table: 'people', row: { id: 'd1', role: 'driver', active: false }, isThere: false },
      ],
    })
    await fleet.setPersonActive(transporter('t2'), false)
    expect(await fleet.acceptFacts(uuidv7(), 't2', 'd1', 'v1')).toEqual({
      broadcast: undefined,
      isUserActive: false,
      driver: undefined,
      isInvited: false,
      isDriverActive: true,
      vehicle: undefined,
      preconditions: [],
    })
  })
})
