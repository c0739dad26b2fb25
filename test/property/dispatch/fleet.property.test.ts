/*
 * Accepts, deletions, moves, invitations, agreements and registrations of the same few drivers and vehicles, at once on two processes, in any order.
 * After each burst, every driver and vehicle on a live trip is in the fleet of that trip's transporter, with the type it was
 * taken for, and every answer was one of the contract's.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { tripsOutsideFleets } from '../../../src/adapters/postgres/product/fleet/outside-fleets.js'
import type { Result } from '../../../src/dispatch/problems.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { openDispatch, type Product } from '../../support/engine/dispatch.js'
import { admin, customer, driver, transporter } from '../../support/engine/people.js'
import { expectOk } from '../../support/engine/results.js'
import { asking } from '../../support/engine/trucks.js'
import { findViolations } from '../../support/server/server.js'

const numRuns = process.env.LOADCAST_LONG_TESTS !== undefined ? 300 : 15

let database: TestDatabase
let processes: readonly [Product, Product]

beforeAll(async () => {
  database = await createTestDatabase()
  processes = [openDispatch(database.connectionString), openDispatch(database.connectionString)]
})
afterAll(async () => {
  await Promise.all(processes.map(product => product.close()))
  await database.drop()
})

const one = fc.nat({ max: 1 })
const type = fc.constantFrom('tata_ace', '20ft')
const accept = fc.record({
  kind: fc.constant('accept' as const),
  by: one,
  driver: one,
  vehicle: one,
  request: one,
})
const act = fc.oneof(
  { weight: 10, arbitrary: accept },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('deleteDriver' as const), by: one, driver: one }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('putDriver' as const), by: one, driver: one }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('agree' as const), driver: one, with: one }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), driver: one }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('deleteVehicle' as const), by: one, vehicle: one }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('putVehicle' as const), by: one, vehicle: one, type }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('turn' as const), by: one, isOn: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
)
const burst = fc.array(fc.record({ at: one, act }), { minLength: 2, maxLength: 8 })
/** The first burst: each transporter wins a trip with its own truck, in whichever of the accepts comes first. */
const accepts = fc
  .array(fc.record({ at: one, act: accept }), { maxLength: 6 })
  .map(others => [...others, ...[0, 1].map(n => ({ at: n, act: ownAccept(n) }))])
const ownAccept = (n: number) => ({ kind: 'accept' as const, by: n, driver: n, vehicle: n, request: n })
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never

/** What each act may be refused with; anything else is a defect. */
const refusals: Readonly<Record<Act['kind'], readonly string[]>> = {
  accept: [
    'USER_INACTIVE',
    'DRIVER_NOT_IN_FLEET',
    'VEHICLE_NOT_IN_FLEET',
    'DRIVER_NOT_CONFIRMED',
    'VEHICLE_TYPE_MISMATCH',
    'NO_LONGER_AVAILABLE',
    'DRIVER_BUSY',
    'VEHICLE_BUSY',
    'UNAVAILABLE',
  ],
  deleteDriver: ['NOT_FOUND', 'DRIVER_BUSY'],
  putDriver: ['DRIVER_TAKEN'],
  agree: ['NOT_FOUND', 'DRIVER_BUSY'],
  leave: ['DRIVER_BUSY'],
  deleteVehicle: ['NOT_FOUND', 'VEHICLE_BUSY'],
  putVehicle: ['VEHICLE_TAKEN', 'VEHICLE_BUSY'],
  turn: [],
  release: ['EVENT_NOT_ALLOWED'],
}

let worlds = 0

class World {
  readonly #name = `w${++worlds}`
  readonly #requests: string[] = []
  readonly #trips: { id: string; by: number }[] = []

  async begin(): Promise<this> {
    const [home] = processes
    for (const by of [0, 1]) {
      await home.dispatch.isActive(this.#transporter(by))
      await this.#do(home, { kind: 'putDriver', by, driver: by })
      await this.#do(home, { kind: 'agree', driver: by, with: by })
      await this.#do(home, { kind: 'putVehicle', by, vehicle: by, type: 'tata_ace' })
      const wanted = {
        ...asking(40),
        trucks: [
          { vehicleType: 'tata_ace', count: 40 },
          { vehicleType: '20ft', count: 40 },
        ],
      }
      const answer = await home.dispatch.createBroadcast(customer(`c-${this.#name}-${by}`), wanted)
      this.#requests.push(expectOk(answer).broadcast.id)
    }
    return this
  }

  #transporter = (n: number) => transporter(`t-${this.#name}-${n}`)
  #driver = (n: number) => `d-${this.#name}-${n}`
  #vehicle = (n: number) => `v-${this.#name}-${n}`

  #do({ dispatch }: Product, act: Act): Promise<Result<unknown>> {
    switch (act.kind) {
      case 'accept':
        return this.#accept(dispatch, act)
      case 'deleteDriver':
        return dispatch.deleteDriver(this.#transporter(act.by), this.#driver(act.driver))
      case 'putDriver':
        return dispatch.putDriver(this.#transporter(act.by), this.#driver(act.driver), { name: 'Asha' })
      case 'agree':
        return dispatch.joinFleet(driver(this.#driver(act.driver)), {
          transporterId: this.#transporter(act.with).id,
        })
      case 'leave':
        return dispatch.leaveFleet(driver(this.#driver(act.driver)))
      case 'deleteVehicle':
        return dispatch.deleteVehicle(this.#transporter(act.by), this.#vehicle(act.vehicle))
      case 'putVehicle': {
        const vehicle = { vehicleType: act.type, number: 'DL 1' }
        return dispatch.putVehicle(this.#transporter(act.by), this.#vehicle(act.vehicle), vehicle)
      }
      case 'turn':
        return dispatch.setPersonActive(admin, this.#transporter(act.by), act.isOn)
      case 'release':
        return this.#release(dispatch)
    }
  }

  async #accept(
    dispatch: Product['dispatch'],
    { by, driver, vehicle, request }: Extract<Act, { kind: 'accept' }>,
  ) {
    const truck = { driverId: this.#driver(driver), vehicleId: this.#vehicle(vehicle) }
    const id = this.#requests[request] ?? ''
    const answer = await dispatch.sendToBroadcast(this.#transporter(by), id, { type: 'accept', ...truck })
    if (answer.ok && answer.value.assignment !== undefined) {
      this.#trips.push({ id: answer.value.assignment.tripId, by })
    }
    return answer
  }

  /** The oldest trip, so that driver and vehicle are free again. */
  async #release(dispatch: Product['dispatch']): Promise<Result<unknown>> {
    const trip = this.#trips.shift()
    if (trip === undefined) return { ok: true, value: undefined }
    return dispatch.sendToTrip(this.#transporter(trip.by), trip.id, { type: 'release' })
  }

  async run(acts: readonly { readonly at: number; readonly act: Act }[]): Promise<void> {
    await Promise.all(
      acts.map(async ({ at, act }) => {
        const answer = await this.#do(processes[at] ?? processes[0], act)
        if (!answer.ok)
          expect([act.kind, refusals[act.kind]]).toEqual([
            act.kind,
            expect.arrayContaining([answer.problem.code]),
          ])
      }),
    )
    expect(await tripsOutsideFleets(processes[0].sql)).toEqual([])
  }
}

test('R2.2 whatever changes in fleets, a live trip has a driver and a vehicle of its transporter', async () => {
  await fc.assert(
    fc.asyncProperty(accepts, fc.array(burst, { minLength: 5, maxLength: 20 }), async (first, bursts) => {
      const world = await new World().begin()
      await world.run(first)
      for (const acts of bursts) await world.run(acts)
    }),
    { numRuns },
  )
  expect(await findViolations(database.connectionString)).toEqual([])
  const { rows } = await processes[0].sql.query<{ n: number }>('select count(*)::int as n from trips')
  // Otherwise the test has tried nothing. Each world's first burst alone makes two.
  expect(rows[0]?.n).toBeGreaterThan(numRuns)
})
