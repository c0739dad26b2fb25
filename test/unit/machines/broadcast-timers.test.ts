import { describe, expect, test } from '@jest/globals'
import {
  type Action,
  accept,
  CREATED_AT,
  cancel,
  create,
  DEADLINE,
  deadline,
  leafOf,
  reachTimer,
  type Stepped,
  send,
  sendAll,
  TIMEOUT_MS,
  timer,
  tripEvent,
  WINDOW,
} from './stepping.js'

const armed = ({ actions }: { readonly actions: readonly Action[] }) =>
  actions
    .filter(action => action.type === 'xstate.raise')
    .map(action => action.params as { id?: string; delay?: number })
    .filter(params => params.delay !== undefined)

const disarmed = ({ actions }: { readonly actions: readonly Action[] }) =>
  actions
    .filter(action => action.type === 'xstate.cancel')
    .map(action => (action.params as { sendId: string }).sendId)

const ids = (step: Stepped) => armed(step).map(params => params.id)

describe('R5.1 R1.4 the deadline', () => {
  test('is armed by the creation, from the input alone, with the first step of the reach', () => {
    expect(armed(create())).toEqual([
      expect.objectContaining({ id: DEADLINE, delay: TIMEOUT_MS }),
      expect.objectContaining({ id: reachTimer('step_1'), delay: 15_000 }),
    ])
  })

  test('continues unchanged while the request fills, empties and fills again', () => {
    const events = [
      accept(1),
      accept(2),
      tripEvent('trip.release', 1),
      tripEvent('trip.release', 2),
      accept(3),
      tripEvent('trip.start', 3),
      tripEvent('trip.abandon', 3),
      timer(reachTimer('step_1')),
    ]
    let last = create()
    const visited: string[] = []
    for (const event of events) {
      last = send(last.snapshot, event)
      visited.push(leafOf(last.snapshot))
      expect(ids(last)).not.toContain(DEADLINE)
      expect(disarmed(last)).not.toContain(DEADLINE)
    }
    expect(new Set(visited)).toEqual(new Set(['searching', 'partially_filled']))
  })

  test('is cancelled when the request is full, and when it is cancelled', () => {
    const one = create({ trucks: [{ vehicleType: 'tata_ace', count: 1 }] })
    expect(disarmed(send(one.snapshot, accept(1)))).toContain(DEADLINE)
    expect(disarmed(send(one.snapshot, cancel()))).toContain(DEADLINE)
  })

  test('ends the request at expiresAt and keeps its trips', () => {
    const { snapshot } = sendAll(create(), accept(1), deadline())
    expect(leafOf(snapshot)).toBe('expired')
    expect(snapshot.context).toMatchObject({ endedAt: CREATED_AT + TIMEOUT_MS, endReason: 'timeout' })
    expect(snapshot.context.trips.map(trip => trip.status)).toEqual(['assigned'])
  })
})

describe('R4.1 R1.4 the cancel window', () => {
  const full = sendAll(
    create({ trucks: [{ vehicleType: 'tata_ace', count: 2 }], cancelWindowMs: 7_000 }),
    accept(1),
    accept(2),
  )

  test('opens with the last accept', () => {
    expect(armed(full)).toEqual([expect.objectContaining({ id: WINDOW, delay: 7_000 })])
  })

  test('may have a length of zero, and is a timer then too', () => {
    const none = create({ trucks: [{ vehicleType: 'tata_ace', count: 1 }], cancelWindowMs: 0 })
    expect(armed(send(none.snapshot, accept(1)))).toEqual([expect.objectContaining({ id: WINDOW, delay: 0 })])
  })

  test('closes after its time, and at the first start of a trip', () => {
    for (const event of [timer(WINDOW), tripEvent('trip.start', 2)]) {
      const settled = send(full.snapshot, event)
      expect(leafOf(settled.snapshot)).toBe('settled')
      expect(disarmed(settled)).toEqual([WINDOW])
    }
  })

  test('never opens if a trip has started before the last truck is found', () => {
    const two = create({ trucks: [{ vehicleType: 'tata_ace', count: 2 }] })
    for (const ways of [['trip.start'], ['trip.start', 'trip.complete']] as const) {
      const settled = sendAll(two, accept(1), ...ways.map(type => tripEvent(type, 1)), accept(2))
      expect(leafOf(settled.snapshot)).toBe('settled')
      expect(ids(settled)).toEqual([])
    }
  })

  test('opens if the only trip that had started was abandoned', () => {
    const two = create({ trucks: [{ vehicleType: 'tata_ace', count: 2 }] })
    const abandoned = [tripEvent('trip.start', 1), tripEvent('trip.abandon', 1)]
    const refilled = sendAll(two, accept(1), ...abandoned, accept(2), accept(3))
    expect(leafOf(refilled.snapshot)).toBe('revocable')
  })

  test('closes with a release, which ends the request with an open truck that is not sought', () => {
    const released = send(full.snapshot, tripEvent('trip.release', 1, 90))
    expect(leafOf(released.snapshot)).toBe('expired')
    expect(released.snapshot.value.reach).toBe('done')
    expect(released.snapshot.context).toMatchObject({
      endedAt: CREATED_AT + 90,
      endReason: 'truck_released',
      trucks: [{ tripId: null }, { tripId: full.snapshot.context.trips[1]?.id }],
    })
    expect([ids(released), disarmed(released)]).toEqual([[], [WINDOW]])
  })
})

test('R5.4 a request that no longer seeks has no timer of the search', () => {
  const one = create({ trucks: [{ vehicleType: 'tata_ace', count: 1 }] })
  for (const event of [accept(1), cancel(), deadline()]) {
    const ended = send(one.snapshot, event)
    expect(new Set(disarmed(ended))).toEqual(new Set([DEADLINE, reachTimer('step_1')]))
    expect(ids(ended).filter(id => id !== WINDOW)).toEqual([])
  }
})
