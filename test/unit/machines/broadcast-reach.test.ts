import { describe, expect, test } from '@jest/globals'
import type { AnyStateNode } from 'xstate'
import {
  type BroadcastEvent,
  type BroadcastSnapshot,
  broadcastDefinition,
  broadcastMachine,
  type ReachStep,
  reachOf,
} from '../../../src/machines/index.js'
import type { StampedEvent } from '../../../src/runtime/definition.js'
import { accept, CREATED_AT, cancel, create, deadline, reachTimer, send, timer, uuid } from './stepping.js'

const exhausted = (step: ReachStep): BroadcastEvent => ({
  type: 'reach.exhausted',
  step,
  at: CREATED_AT + 5,
  uid: uuid(5),
})

const DISTANCES_KM = [10, 25, 50, 75]
const STEPS: readonly ReachStep[] = [1, 2, 3, 4, 'everyone']

const reach = broadcastMachine.root.states.reach as AnyStateNode
const leaves = Object.keys(reach.states)

/** As the last table, with four distances: the state it leads to, or `ignored`. */
const TABLE: Readonly<Record<string, readonly string[]>> = {
  //                     step_1      step_2      step_3      step_4      everyone    done
  'exhausted 1': ['step_2', 'ignored', 'ignored', 'ignored', 'ignored', 'ignored'],
  'exhausted 2': ['ignored', 'step_3', 'ignored', 'ignored', 'ignored', 'ignored'],
  'exhausted 3': ['ignored', 'ignored', 'step_4', 'ignored', 'ignored', 'ignored'],
  'exhausted 4': ['ignored', 'ignored', 'ignored', 'everyone', 'ignored', 'ignored'],
  'exhausted everyone': ['ignored', 'ignored', 'ignored', 'ignored', 'done', 'ignored'],
  'after step_1': ['step_2', 'ignored', 'ignored', 'ignored', 'ignored', 'ignored'],
  'after step_2': ['ignored', 'step_3', 'ignored', 'ignored', 'ignored', 'ignored'],
  'after step_3': ['ignored', 'ignored', 'step_4', 'ignored', 'ignored', 'ignored'],
  'after step_4': ['ignored', 'ignored', 'ignored', 'everyone', 'ignored', 'ignored'],
  'after everyone': ['ignored', 'ignored', 'ignored', 'ignored', 'done', 'ignored'],
  stop: ['done', 'done', 'done', 'done', 'done', 'ignored'],
}

const ROWS: Readonly<Record<string, BroadcastEvent>> = Object.fromEntries(
  reach.events.flatMap((type: string): [string, BroadcastEvent][] => {
    if (type === 'reach.exhausted') return STEPS.map(step => [`exhausted ${step}`, exhausted(step)])
    if (type === 'reach.stop') return [['stop', { type: 'reach.stop' }]]
    return [[`after ${type.split('.').at(-1)}`, timer(type)]]
  }),
)

/** The snapshot at each state, by its timers alone. */
function walk(reachStepsKm: readonly number[]): readonly BroadcastSnapshot[] {
  const visited = [create({ reachStepsKm: [...reachStepsKm] }).snapshot]
  for (const snapshot of visited) {
    const { snapshot: next } = send(snapshot, timer(reachTimer(snapshot.value.reach)))
    if (next !== snapshot) visited.push(next)
  }
  return visited
}

const visited = walk(DISTANCES_KM)

test('the table has a row for every event of the reach and a column for every state', () => {
  expect(Object.keys(TABLE).sort()).toEqual(Object.keys(ROWS).sort())
  for (const cells of Object.values(TABLE)) expect(cells).toHaveLength(leaves.length)
  expect(visited.map(snapshot => snapshot.value.reach)).toEqual(leaves)
})

describe.each(leaves)('at %s', leaf => {
  const index = leaves.indexOf(leaf)
  const snapshot = visited[index] as BroadcastSnapshot

  test.each(Object.entries(ROWS))('%s leads where the table says', (row, event) => {
    const { snapshot: next } = send(snapshot, event)
    const expected = TABLE[row]?.[index]
    if (next !== snapshot) expect(next.value.reach).toBe(expected)
    else {
      expect(expected).toBe('ignored')
      expect(broadcastDefinition.refuse(snapshot, event as StampedEvent)).toBeUndefined()
    }
    expect(next.value.lifecycle).toEqual({ seeking: 'searching' })
  })

  test.each([
    ['a cancel', cancel()],
    ['the last accept', accept(1)],
    ['the deadline', deadline()],
  ])('%s ends it', (_, event) => {
    const single = { ...snapshot.context, trucks: snapshot.context.trucks.slice(0, 1) }
    const alone = broadcastMachine.resolveState({ value: snapshot.value, context: single })
    const { snapshot: next, actions } = send(alone, event)
    expect(next.value.reach).toBe('done')
    const wasPending = leaf !== 'done'
    const cancelled = actions.some(
      action =>
        action.type === 'xstate.cancel' && (action.params as { sendId: string }).sendId === reachTimer(leaf),
    )
    expect(cancelled).toBe(wasPending)
  })

  test('an accept that leaves trucks open does not change it', () => {
    expect(send(snapshot, accept(1)).snapshot.value.reach).toBe(leaf)
  })
})

describe.each([1, 2, 3, 4])('R6.1 with %i distances', count => {
  const distances = DISTANCES_KM.slice(0, count)
  const expected = [
    ...distances.map((radiusKm, index) => ({ step: index + 1, radiusKm })),
    { step: 'everyone', radiusKm: null },
    { step: 'done', radiusKm: null },
  ]

  test('time leads through each distance, then to everyone, then to the end', () => {
    expect(walk(distances).map(reachOf)).toEqual(expected)
  })

  test('declines lead the same way, and each step is announced once with its radius', () => {
    let last = create({ reachStepsKm: [...distances] })
    const announced = [...last.emitted]
    for (const { step } of expected.slice(0, -1)) {
      last = send(last.snapshot, exhausted(step as ReachStep))
      announced.push(...last.emitted)
    }
    expect(reachOf(last.snapshot)).toEqual({ step: 'done', radiusKm: null })
    expect(announced.filter(event => event.type === 'reach.widened')).toEqual(
      expected.slice(0, -1).map(step => ({ type: 'reach.widened', audience: ['customer-1'], ...step })),
    )
  })

  test('each step is one timer of reachStepMs, the last one too', () => {
    let last = create({ reachStepsKm: [...distances], reachStepMs: 1_234 })
    for (const { step } of expected.slice(0, -1)) {
      const id = reachTimer(last.snapshot.value.reach)
      const armed = last.actions.filter(action => action.type === 'xstate.raise')
      expect(armed.map(action => action.params)).toContainEqual({ event: { type: id }, id, delay: 1_234 })
      last = send(last.snapshot, exhausted(step as ReachStep))
    }
    expect(last.actions.filter(action => action.type === 'xstate.raise')).toEqual([])
  })
})
