import { describe, expect, it } from '@jest/globals'
import { customer, driver } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { timeIsUp } from '../../support/engine/time-is-up.js'
import { accept, asking, registerTruck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

const product = await useDispatch()

/** A request of `count` trucks, of which `started` and `assigned` were found in time. */
async function asked(name: string, count: number, { started = 0, assigned = 0 } = {}) {
  const me = customer(`c-${name}`)
  const { id } = expectOk(await product.dispatch.createBroadcast(me, asking(count))).broadcast
  const trips: string[] = []
  for (let i = 0; i < started + assigned; i++) {
    const truck = await registerTruck(product, `${name}-${i}`)
    const { assignment } = expectOk(await accept(product, id, truck))
    trips.push(assignment?.tripId ?? '')
    if (i < started) {
      const start = { type: 'start' } as const
      expectOk(await product.dispatch.sendToTrip(driver(truck.driverId), trips[i] ?? '', start))
    }
  }
  const cancel = () => product.dispatch.sendToBroadcast(me, id, { type: 'cancel' })
  const expired = () => timeIsUp(product, id)
  return { id, trips, cancel, expired }
}

const timersOf = async (id: string) =>
  (await product.sql.query('select from timers where instance = $1', [id])).rowCount

describe('a cancel after the last truck was found', () => {
  it('R4.1 is possible until the window has closed', async () => {
    const early = await asked('early', 1, { assigned: 1 })
    expect(expectOk(await early.cancel())).toMatchObject({ tripsCancelled: early.trips, tripsKept: [] })
    const late = await asked('late', 1, { assigned: 1 })
    await timeIsUp(product, late.id, 'cancelWindow')
    expect(await timersOf(late.id)).toBe(0)
    expect(expectProblem(await late.cancel())).toBe('TOO_LATE_TO_CANCEL')
  })
})

describe('a cancel after the request has expired', () => {
  it('R4.1 is possible while a live trip has not started: that one is cancelled, the others kept', async () => {
    const { trips, cancel, expired } = await asked('some', 3, { started: 1, assigned: 1 })
    await expired()
    const [started, assigned] = trips
    expect(expectOk(await cancel())).toMatchObject({
      outcome: 'applied',
      tripsCancelled: [assigned],
      tripsKept: [started],
      broadcast: { status: 'cancelled' },
    })
    expect(expectOk(await cancel()).outcome).toBe('unchanged')
  })

  it('R4.1 is refused when all live trips have started, and finds nothing to cancel when there are none', async () => {
    const [moving, empty] = await Promise.all([asked('moving', 2, { started: 1 }), asked('empty', 1)])
    await Promise.all([moving.expired(), empty.expired()])
    expect(expectProblem(await moving.cancel())).toBe('TOO_LATE_TO_CANCEL')
    expect(expectProblem(await empty.cancel())).toBe('BROADCAST_EXPIRED')
  })
})
