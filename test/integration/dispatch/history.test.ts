import { describe, expect, it } from '@jest/globals'
import { initialTransition, transition } from 'xstate'
import { type BroadcastEvent, broadcastMachine } from '../../../src/machines/index.js'
import { customer, driver } from '../../support/engine/people.js'
import { expectOk } from '../../support/engine/results.js'
import { accept, asking, registerTruck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

const product = await useDispatch()

describe('the history that a customer reads', () => {
  it('R1.5 replayed through the plain machine, by XState alone, gives the stored snapshot', async () => {
    const { dispatch, sql } = product
    const me = customer('c-history')
    const trucks = await Promise.all(['a', 'b', 'c'].map(name => registerTruck(product, `history-${name}`)))
    const { id } = expectOk(await dispatch.createBroadcast(me, { ...asking(4), goods: 'Rice' })).broadcast
    const trips: string[] = []
    for (const truck of trucks) {
      trips.push(expectOk(await accept(product, id, truck)).assignment?.tripId ?? '')
    }
    const [started = '', released = ''] = trips
    const [first, second] = trucks
    expectOk(await dispatch.sendToTrip(driver(first?.driverId ?? ''), started, { type: 'start' }))
    expectOk(
      await dispatch.sendToTrip(second?.caller ?? me, released, { type: 'release', reason: 'A flat tyre' }),
    )
    expectOk(await dispatch.sendToBroadcast(me, id, { type: 'cancel', reason: 'Too slow' }))

    const { items } = expectOk(await dispatch.history(me, id, { limit: 100 }))
    const [init, ...rest] = items
    let [snapshot] = initialTransition(broadcastMachine, init?.event.input as never)
    for (const { event } of rest) {
      ;[snapshot] = transition(broadcastMachine, snapshot, event as unknown as BroadcastEvent)
    }

    const { rows } = await sql.query(
      'select version, snapshot_json as snapshot from instances where id = $1',
      [id],
    )
    expect(items.map(item => item.version)).toEqual(Array.from({ length: rows[0].version }, (_, i) => i + 1))
    expect(items.at(-1)?.status).toBe('cancelled')
    const stored = rows[0].snapshot
    expect(JSON.parse(JSON.stringify({ value: snapshot.value, context: snapshot.context }))).toEqual({
      value: stored.value,
      context: stored.context,
    })
  })
})
