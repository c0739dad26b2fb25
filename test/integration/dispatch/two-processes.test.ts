import { beforeEach, describe, expect, it } from '@jest/globals'
import { openDispatch } from '../../support/engine/dispatch.js'
import { admin, customer } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { accept, acceptSlowly, asking, registerTruck, type Truck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

/*
 * An accept is decided on facts that were read before. Here `slow` has read them and is delayed. Then `quick` acts on
 * the same database, and `slow` continues.
 */

let first: Truck
let second: Truck
let round = 0

const quick = await useDispatch()
const slow = quick.beside()
beforeEach(async () => {
  round++
  first = await registerTruck(quick, `${round}-first`)
  second = await registerTruck(quick, `${round}-second`)
})

const me = (name = '') => customer(`c${round}${name}`)
const create = async (count = 1, caller = me()) =>
  expectOk(await quick.dispatch.createBroadcast(caller, asking(count))).broadcast.id

const claimsOf = async (id: string) => {
  const { rows } = await quick.sql.query('select key from claims where instance = $1 order by key', [id])
  return rows.map(row => row.key)
}

describe('an accept that another process overtakes', () => {
  it('R1.3 R2.1 by the accept of the last truck loses, and leaves nothing', async () => {
    const id = await create()
    const late = await acceptSlowly(slow, id, second, async () => expectOk(await accept(quick, id, first)))
    expect(expectProblem(late)).toBe('NO_LONGER_AVAILABLE')
    expect(await claimsOf(id)).toEqual([`driver:${first.driverId}`, `vehicle:${first.vehicleId}`])
  })

  it('R1.3 by the accept of another truck is decided again, and overwrites nothing', async () => {
    const id = await create(2)
    const late = await acceptSlowly(slow, id, second, async () => expectOk(await accept(quick, id, first)))
    expect(expectOk(late)).toMatchObject({ version: 3, assignment: { truckId: 't2', isFullyFilled: true } })
    const seen = expectOk(await quick.dispatch.getBroadcast(me(), id))
    expect(seen.trucks.map(truck => truck.trip?.driverId)).toEqual([first.driverId, second.driverId])
  })

  it('R4.2 by a cancel that was acknowledged does not succeed, and leaves nothing', async () => {
    const id = await create(2)
    const late = await acceptSlowly(slow, id, second, async () =>
      expectOk(await quick.dispatch.sendToBroadcast(me(), id, { type: 'cancel' })),
    )
    expect(expectProblem(late)).toBe('BROADCAST_CANCELLED')
    expect(await claimsOf(id)).toEqual([])
    expect((await quick.sql.query('select from trips where instance = $1', [id])).rowCount).toBe(0)
  })

  it('R2.2 by its own driver’s accept of another request finds it busy, and its truck stays open', async () => {
    const [wanted, other] = [await create(1, me('a')), await create(1, me('b'))]
    const late = await acceptSlowly(slow, wanted, first, async () =>
      expectOk(await accept(quick, other, first)),
    )
    expect(expectProblem(late)).toBe('DRIVER_BUSY')
    const seen = expectOk(await quick.dispatch.getBroadcast(me('a'), wanted))
    expect(seen).toMatchObject({ status: 'searching', version: 1, trucks: [{ status: 'open' }] })
  })
})

describe('a user that is turned off on one process', () => {
  it('R2.2 cannot accept on another process either, from that moment on', async () => {
    const id = await create()
    expect(await slow.dispatch.isActive(first.caller)).toBe(true)
    expectOk(await quick.dispatch.setPersonActive(admin, first.caller, false))
    expect(expectProblem(await accept(slow, id, first))).toBe('USER_INACTIVE')
    expect(await claimsOf(id)).not.toContain(`driver:${first.driverId}`)
  })
})

describe('a slot', () => {
  it('R3.4 that one process frees is free on the other at once', async () => {
    const id = await create()
    expect(expectProblem(await slow.dispatch.createBroadcast(me(), asking(2)))).toBe(
      'ACTIVE_BROADCAST_EXISTS',
    )
    expectOk(await quick.dispatch.sendToBroadcast(me(), id, { type: 'cancel' }))
    expect(expectOk(await slow.dispatch.createBroadcast(me(), asking(2))).isNew).toBe(true)
  })

  it('R3.4 of a request past its deadline is free, though its timer is late', async () => {
    const brief = openDispatch(quick.connectionString, { broadcastTimeoutMs: 1_500 })
    const { id, expiresAt } = expectOk(await brief.dispatch.createBroadcast(me(), asking(1))).broadcast
    while (brief.engine.now() < Date.parse(expiresAt)) await new Promise(resolve => setTimeout(resolve, 5))
    try {
      // Its engine fires no timers yet, so this caller comes first.
      const asked = [
        brief.dispatch.createBroadcast(me(), asking(1)),
        brief.dispatch.createBroadcast(me(), asking(2)),
      ]
      await brief.engine.start()
      const answers = await Promise.all(asked)
      const made = answers.filter(answer => answer.ok).map(expectOk)
      expect(made.filter(answer => answer.isNew)).toHaveLength(1)
      expect(made.map(answer => answer.broadcast.id)).not.toContain(id)
    } finally {
      await brief.close()
    }
  })
})
