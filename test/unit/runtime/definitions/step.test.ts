import { describe, expect, it } from '@jest/globals'
import { createActor, initialTransition, raise, setup, transition } from 'xstate'
import { createStepper } from '../../../../src/runtime/definitions/step.js'
import { doorMachine } from '../../../support/machines/door.js'
import { trafficLightMachine } from '../../../support/machines/traffic-light.js'

const AT = 1_800_000_000_000
const uid = (n: number) => `019a0000-0000-7000-8000-${String(n).padStart(12, '0')}`
const doorInput = { owner: 'ann', closeMs: 5_000, at: AT, uid: uid(1) }

describe('R10.1 the pure step', () => {
  const door = createStepper(doorMachine)

  it('gives the same snapshot and actions as XState’s transition()', () => {
    const ours = door.begin(doorInput, uid(1))
    const [theirs, actions] = initialTransition(doorMachine, doorInput)
    expect(door.persist(ours.snapshot)).toBe(JSON.stringify(doorMachine.getPersistedSnapshot(theirs)))
    expect(ours.effects.map(e => e.kind)).toEqual(['emit'])
    expect(actions.map(a => a.type)).toEqual(['xstate.emit'])

    const event = { type: 'open', who: 'bob', at: AT + 1, uid: uid(2) } as const
    const next = door.step(ours.snapshot, event)
    const [theirNext, theirActions] = transition(doorMachine, theirs, event)
    if (next.kind !== 'moved') throw new Error('expected the door to open')
    expect(door.persist(next.snapshot)).toBe(JSON.stringify(doorMachine.getPersistedSnapshot(theirNext)))
    expect(theirActions.map(a => a.type)).toEqual(['xstate.emit', 'xstate.raise'])
    expect(next.effects).toEqual([
      { kind: 'emit', event: { type: 'door.opened', audience: ['ann', 'bob'], who: 'bob' } },
      {
        kind: 'arm',
        sendId: 'xstate.after.closing.door.open',
        delayMs: 5_000,
        event: { type: 'xstate.after.closing.door.open' },
      },
    ])
  })

  it('stores a snapshot that is an XState actor at rest: a running actor continues from it in the same way', () => {
    const opened = door.step(door.begin(doorInput, uid(1)).snapshot, {
      type: 'open',
      who: 'bob',
      at: AT,
      uid: uid(2),
    })
    if (opened.kind !== 'moved') throw new Error('expected the door to open')
    const stored = JSON.parse(door.persist(opened.snapshot))
    const actor = createActor(doorMachine, { snapshot: stored, input: doorInput }).start()
    const close = { type: 'close', at: AT + 2, uid: uid(3) } as const
    actor.send(close)
    const ours = door.step(door.restore(stored), close)
    if (ours.kind !== 'moved') throw new Error('expected the door to close')
    expect(JSON.stringify(actor.getPersistedSnapshot())).toBe(door.persist(ours.snapshot))
    actor.stop()
  })

  it('does not run entry actions or re-arm timers when it restores', () => {
    const opened = door.step(door.begin(doorInput, uid(1)).snapshot, {
      type: 'open',
      who: 'bob',
      at: AT,
      uid: uid(2),
    })
    if (opened.kind !== 'moved') throw new Error('expected the door to open')
    const restored = door.restore(JSON.parse(door.persist(opened.snapshot)))
    expect(door.step(restored, { type: 'open', who: 'eve', at: AT, uid: uid(3) })).toEqual({
      kind: 'unchanged',
    })
  })

  it('returns the same snapshot and no action for an event that the machine does not handle', () => {
    const { snapshot } = door.begin(doorInput, uid(1))
    expect(door.step(snapshot, { type: 'close', at: AT, uid: uid(2) })).toEqual({ kind: 'unchanged' })
    expect(door.step(snapshot, { type: 'unheard.of', at: AT, uid: uid(2) })).toEqual({ kind: 'unchanged' })
  })

  it('cancels before it arms again when a state is re-entered', () => {
    const light = createStepper(trafficLightMachine)
    const input = { greenMs: 100, yellowMs: 10, shiftMs: 10_000, at: AT, uid: uid(1) }
    const begun = light.begin(input, uid(1))
    const again = light.step(begun.snapshot, { type: 'push.button', at: AT + 50, uid: uid(2) })
    if (again.kind !== 'moved') throw new Error('expected the light to stay green anew')
    expect(again.effects.map(e => e.kind)).toEqual(['disarm', 'emit', 'arm'])
    const ids = again.effects.flatMap(e => (e.kind === 'emit' ? [] : [e.sendId]))
    expect(new Set(ids).size).toBe(1)
  })

  it('keeps the timer of a parent state while its children change', () => {
    const light = createStepper(trafficLightMachine)
    const input = { greenMs: 100, yellowMs: 10, shiftMs: 10_000, at: AT, uid: uid(1) }
    const begun = light.begin(input, uid(1))
    const yellow = light.step(begun.snapshot, {
      type: 'xstate.after.green.light.on.green',
      at: AT + 100,
      uid: uid(2),
    })
    if (yellow.kind !== 'moved') throw new Error('expected yellow')
    const touched = yellow.effects.flatMap(e => (e.kind === 'emit' ? [] : [e.sendId]))
    expect(touched).not.toContain('xstate.after.shift.light.on')
  })

  it('leaves nothing behind for an immediate raise, and names a delayed one by the event’s uid', () => {
    const ringing = setup({}).createMachine({
      id: 'ringing',
      initial: 'quiet',
      states: {
        quiet: {
          on: {
            knock: { actions: [raise({ type: 'answer' }), raise({ type: 'again' }, { delay: 7 })] },
            answer: 'answered',
          },
        },
        answered: {},
      },
    })
    const stepper = createStepper(ringing)
    const knocked = stepper.step(stepper.begin({}, uid(1)).snapshot, { type: 'knock', at: AT, uid: uid(2) })
    if (knocked.kind !== 'moved') throw new Error('expected an answer')
    expect(knocked.snapshot.value).toBe('answered')
    expect(knocked.effects).toEqual([
      { kind: 'arm', sendId: `${uid(2)}.1`, delayMs: 7, event: { type: 'again' } },
    ])
  })

  it('refuses a delay that is not a number instead of firing at once', () => {
    const broken = setup({ delays: { soon: () => Number.NaN } }).createMachine({
      id: 'broken',
      initial: 'a',
      states: { a: { after: { soon: 'b' } }, b: {} },
    })
    expect(() => createStepper(broken).begin({}, uid(1))).toThrow(/the delay "soon" is NaN/)
  })

  it('refuses a snapshot whose state no longer exists', () => {
    const stored = { status: 'active', value: 'ajar', context: {}, children: {}, historyValue: {} }
    expect(() => door.restore(stored)).toThrow(/cannot restore/)
  })

  it('is not affected by a call that threw', () => {
    const { snapshot } = door.begin(doorInput, uid(1))
    expect(() => door.begin(undefined, uid(9))).toThrow()
    const opened = door.step(snapshot, { type: 'open', who: 'bob', at: AT, uid: uid(2) })
    expect(opened.kind === 'moved' && opened.effects.length).toBe(2)
  })
})
