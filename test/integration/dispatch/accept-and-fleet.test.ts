/*
 * An accept against a change of the fleet that it relies on, on two processes, in every order. The change comes before the
 * facts are read, between facts and commit, during the commit, or is itself still running. Either the accept or the change
 * is refused, and a process that dies in between leaves nothing behind.
 */
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { tripsOutsideFleets } from '../../../src/adapters/postgres/product/fleet/outside-fleets.js'
import { until } from '../../support/engine/engine.js'
import { admin, customer, driver, transporter } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { accept, acceptSlowly, asking, hire, registerTruck, type Truck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

let truck: Truck
let request: string
let round = 0

const quick = await useDispatch()
const slow = quick.beside()

beforeAll(async () => {
  // A statement that changes a row with a held id keeps running and holds its locks.
  await quick.sql.query(`
    create table held (id text primary key);
    create function hold() returns trigger language plpgsql as $$
    declare
      wanted text := coalesce(to_jsonb(new) ->> 'key', to_jsonb(new) ->> 'id', to_jsonb(old) ->> 'id');
    begin
      while exists (select from held where held.id = id_of(wanted)) loop perform pg_sleep(0.005); end loop;
      return coalesce(new, old);
    end $$;
    create function id_of(key text) returns text language sql as $$ select regexp_replace(key, '^[a-z]+:', '') $$;
    create trigger hold before delete on drivers for each row execute function hold();
    create trigger hold before delete or update on vehicles for each row execute function hold();
    create trigger hold before insert on claims for each row execute function hold();
  `)
})
beforeEach(async () => {
  round++
  await registerTruck(quick, `${round}-other`)
  expectOk(await quick.dispatch.putDriver(other(), `d-${round}`, { name: 'Asha' }))
  truck = await registerTruck(quick, `${round}`)
  const answer = await quick.dispatch.createBroadcast(customer(`c${round}`), asking(1))
  request = expectOk(answer).broadcast.id
})

const other = () => transporter(`t-${round}-other`)

const acceptOnSlow = (meanwhile: () => Promise<unknown>) => acceptSlowly(slow, request, truck, meanwhile)

const itsDriver = () => driver(truck.driverId)
/** The invitation came before the driver had a fleet. */
const agreeElsewhere = () => quick.dispatch.joinFleet(itsDriver(), { transporterId: other().id })
const deleteDriver = () => quick.dispatch.deleteDriver(truck.caller, truck.driverId)
const deleteVehicle = () => quick.dispatch.deleteVehicle(truck.caller, truck.vehicleId)
const putVehicle = (vehicleType: string, caller = truck.caller) =>
  quick.dispatch.putVehicle(caller, truck.vehicleId, { vehicleType, number: 'DL 7' })

const changes: Readonly<Record<string, { change(): Promise<unknown>; code: string; busy?: string }>> = {
  'its driver is deleted': { change: deleteDriver, code: 'DRIVER_NOT_IN_FLEET', busy: 'DRIVER_BUSY' },
  'its vehicle is deleted': { change: deleteVehicle, code: 'VEHICLE_NOT_IN_FLEET', busy: 'VEHICLE_BUSY' },
  'its vehicle gets another type': {
    change: () => putVehicle('20ft'),
    code: 'VEHICLE_TYPE_MISMATCH',
    busy: 'VEHICLE_BUSY',
  },
  'its driver moves to another fleet': {
    async change() {
      expectOk(await deleteDriver())
      return hire(quick, other(), truck.driverId)
    },
    code: 'DRIVER_NOT_IN_FLEET',
  },
  'its driver leaves': {
    change: () => quick.dispatch.leaveFleet(itsDriver()),
    code: 'DRIVER_NOT_IN_FLEET',
    busy: 'DRIVER_BUSY',
  },
  'its driver agrees to another fleet': {
    change: agreeElsewhere,
    code: 'DRIVER_NOT_IN_FLEET',
    busy: 'DRIVER_BUSY',
  },
  'its driver leaves and is invited anew': {
    async change() {
      expectOk(await quick.dispatch.leaveFleet(itsDriver()))
      return quick.dispatch.putDriver(truck.caller, truck.driverId, { name: 'Asha' })
    },
    code: 'DRIVER_NOT_CONFIRMED',
  },
  'its vehicle moves to another fleet': {
    async change() {
      expectOk(await deleteVehicle())
      return putVehicle('tata_ace', other())
    },
    code: 'VEHICLE_NOT_IN_FLEET',
  },
  'its driver is turned off': {
    change: () => quick.dispatch.setPersonActive(admin, itsDriver(), false),
    code: 'DRIVER_INACTIVE',
  },
  'its transporter is turned off': {
    change: () => quick.dispatch.setPersonActive(admin, truck.caller, false),
    code: 'USER_INACTIVE',
  },
}

const claims = async () =>
  (await quick.sql.query('select key from claims where instance = $1', [request])).rows
const noTrip = async () => {
  expect((await quick.sql.query('select from trips where instance = $1', [request])).rowCount).toBe(0)
  expect(await claims()).toEqual([{ key: `customer:c${round}` }])
}
const hold = (id: string) => quick.sql.query('insert into held values ($1)', [id])
const release = (id: string) => quick.sql.query('delete from held where id = $1', [id])
const sessions = async (condition: string) => {
  const { rows } = await quick.sql.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and ${condition}`,
  )
  return rows.map(({ pid }) => pid)
}
const isHeld = "wait_event = 'PgSleep'"
const waitsForLock = "wait_event_type = 'Lock'"

describe('R2.2 an accept and a change of its fleet on another process', () => {
  it.each(Object.entries(changes))('R2.2 before it: %s', async (_, { change, code }) => {
    await change()
    expect(expectProblem(await accept(slow, request, truck))).toBe(code)
    await noTrip()
  })

  it.each(Object.entries(changes))(
    'R2.2 between its facts and its commit: %s',
    async (_, { change, code }) => {
      expect(expectProblem(await acceptOnSlow(change))).toBe(code)
      await noTrip()
      expect(await tripsOutsideFleets(quick.sql)).toEqual([])
    },
  )

  it.each(Object.entries(changes).filter(([, { busy }]) => busy !== undefined))(
    'R2.2 during its commit: %s',
    async (_, { change, busy }) => {
      await hold(truck.vehicleId)
      await hold(truck.driverId)
      const accepted = accept(slow, request, truck)
      await until(async () => (await sessions(isHeld)).length > 0)
      const changed = change()
      await until(async () => (await sessions(waitsForLock)).length > 0)
      await release(truck.driverId)
      await release(truck.vehicleId)
      expectOk(await accepted)
      expect(expectProblem((await changed) as never)).toBe(busy)
      expect(await tripsOutsideFleets(quick.sql)).toEqual([])
    },
  )

  it.each([
    ['its driver is deleted', deleteDriver, () => truck.driverId, 'DRIVER_NOT_IN_FLEET'],
    ['its vehicle is deleted', deleteVehicle, () => truck.vehicleId, 'VEHICLE_NOT_IN_FLEET'],
    [
      'its vehicle gets another type',
      () => putVehicle('20ft'),
      () => truck.vehicleId,
      'VEHICLE_TYPE_MISMATCH',
    ],
  ] as const)('R2.2 while the change is running: %s', async (_, change, id, code) => {
    const bystander = await registerTruck(quick, `${round}-bystander`)
    const elsewhere = await quick.dispatch.createBroadcast(customer(`c${round}-bystander`), asking(1))
    await hold(id())
    const changed = change()
    await until(async () => (await sessions(isHeld)).length > 0)
    // No commit waits for the row: an accept of this row gets 503, an accept of another one is served.
    const [late, served] = await Promise.all([
      accept(slow, request, truck),
      accept(slow, expectOk(elsewhere).broadcast.id, bystander),
    ])
    expect(expectProblem(late)).toBe('UNAVAILABLE')
    expectOk(served)
    await release(id())
    expectOk((await changed) as never)
    expect(expectProblem(await accept(slow, request, truck))).toBe(code)
    await noTrip()
  })

  it('R2.2 whose process dies during the commit leaves the truck free', async () => {
    await hold(truck.driverId)
    const changed = deleteDriver()
    await until(async () => (await sessions(isHeld)).length > 0)
    const [pid] = await sessions(isHeld)
    await quick.sql.query('select pg_terminate_backend($1)', [pid])
    expect(expectProblem(await changed)).toBe('UNAVAILABLE')
    await release(truck.driverId)
    expect(expectOk(await accept(slow, request, truck)).assignment?.driverId).toBe(truck.driverId)
    expect(await tripsOutsideFleets(quick.sql)).toEqual([])
  })

  it('R2.2 succeeds when the change leaves the facts as they were', async () => {
    const accepted = await acceptOnSlow(async () => {
      expectOk(await quick.dispatch.putDriver(truck.caller, truck.driverId, { name: 'Asha R.' }))
      expectOk(await putVehicle('tata_ace'))
      expectOk(await deleteDriver())
      await hire(quick, truck.caller, truck.driverId)
    })
    expect(expectOk(accepted).assignment).toMatchObject({
      driverId: truck.driverId,
      vehicleId: truck.vehicleId,
    })
    expectOk(await putVehicle('tata_ace'))
    expect(await tripsOutsideFleets(quick.sql)).toEqual([])
  })

  it('R2.2 of a vehicle that changes to another requested type is decided by the new type', async () => {
    const mixed = await quick.dispatch.createBroadcast(customer(`c${round}-mixed`), {
      ...asking(1),
      trucks: [
        { vehicleType: 'tata_ace', count: 1 },
        { vehicleType: '20ft', count: 1 },
      ],
    })
    request = expectOk(mixed).broadcast.id
    const accepted = expectOk(await acceptOnSlow(() => putVehicle('20ft')))
    const taken = accepted.broadcast.trucks.filter(({ status }) => status === 'taken')
    expect(taken.map(({ vehicleType }) => vehicleType)).toEqual(['20ft'])
    expect(await tripsOutsideFleets(quick.sql)).toEqual([])
  })
})
