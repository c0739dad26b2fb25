import { describe, expect, test } from '@jest/globals'
import { initialTransition, transition } from 'xstate'
import { tripSteps } from '../../../src/machines/broadcast/machine.js'
import { nextTripEvents, type TripStatus, tripMachine } from '../../../src/machines/index.js'

/** State → event → next state; what is not here changes nothing. */
const TABLE: Readonly<Record<TripStatus, Readonly<Record<string, TripStatus | undefined>>>> = {
  assigned: { start: 'started', release: 'released', cancel: 'cancelled', abandon: 'abandoned' },
  started: { complete: 'completed', abandon: 'abandoned' },
  completed: {},
  released: {},
  cancelled: {},
  abandoned: {},
}

const states = Object.keys(tripMachine.states) as readonly TripStatus[]
type TripEvent = Parameters<typeof tripMachine.transition>[1]
const cells = states.flatMap(state =>
  tripMachine.events.map(type => [state, type, TABLE[state][type] ?? state] as const),
)

test('a trip starts as assigned', () => {
  expect(initialTransition(tripMachine)[0].value).toBe('assigned')
})

test('the table has every state of the machine and only its events', () => {
  expect(Object.keys(TABLE).sort()).toEqual([...states].sort())
  const mentioned = Object.values(TABLE).flatMap(row => Object.keys(row))
  expect([...new Set(mentioned)].sort()).toEqual([...tripMachine.events].sort())
})

describe.each(cells)('when %s, %s', (state, type, next) => {
  test(`leads to ${next}`, () => {
    const snapshot = tripMachine.resolveState({ value: state })
    expect(transition(tripMachine, snapshot, { type } as TripEvent)[0].value).toBe(next)
  })

  test('leads to the same state by the table inside the broadcast machine', () => {
    expect(tripSteps[state][`trip.${type}`] ?? state).toBe(next)
  })

  test('is offered next exactly if it changes something and does not cancel the whole request', () => {
    const isOffered = (nextTripEvents(state) as readonly string[]).includes(type)
    expect(isOffered).toBe(next !== state && type !== 'cancel')
  })
})

test('the table inside the broadcast machine has no other state or event', () => {
  expect(Object.keys(tripSteps).sort()).toEqual([...states].sort())
  const known = tripMachine.events.map(type => `trip.${type}`)
  for (const row of Object.values(tripSteps)) expect(known).toEqual(expect.arrayContaining(Object.keys(row)))
})

test('a trip that has ended is final', () => {
  for (const state of states) {
    const isFinal = tripMachine.states[state]?.type === 'final'
    expect(isFinal).toBe(Object.keys(tripSteps[state]).length === 0)
  }
})
