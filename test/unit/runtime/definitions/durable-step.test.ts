/* What a plain actor would do that a restart could not repeat: the step refuses it by name. */
import { describe, expect, it } from '@jest/globals'
import {
  type AnyStateMachine,
  assign,
  createMachine,
  emit,
  enqueueActions,
  fromPromise,
  raise,
  setup,
} from 'xstate'
import { createStepper } from '../../../../src/runtime/definitions/step.js'
import { DefinitionError } from '../../../../src/runtime/errors.js'

const uid = '019b76da-a815-70d0-a83e-532a8ee58126'

/** A machine that does `actions` on GO, and on OK counts. */
const onGo = (actions: unknown, rest: object = {}) =>
  createMachine({
    id: 'm',
    context: { count: 0, list: [1] },
    initial: 'a',
    states: { a: {} },
    on: {
      GO: { actions: actions as never },
      OK: { actions: assign({ count: ({ context }) => context.count + 1 }) },
    },
    ...rest,
  } as never)

function run(machine: AnyStateMachine, ...types: string[]) {
  const stepper = createStepper(machine)
  let { snapshot } = stepper.begin({}, uid)
  for (const type of types) {
    const step = stepper.step(snapshot, { type, at: 1, uid })
    if (step.kind === 'moved') snapshot = step.snapshot
  }
  return snapshot
}
/** The event fails each time it comes, and the instance goes on as before. */
function expectRefused(machine: AnyStateMachine, message: RegExp | string) {
  for (let time = 0; time < 2; time++) {
    expect(() => run(machine, 'GO')).toThrow(DefinitionError)
    expect(() => run(machine, 'GO')).toThrow(message)
  }
  expect(run(machine, 'OK').context).toMatchObject({ count: 1 })
}

const child = fromPromise(async () => 1)

describe('R10.8 refused at run time', () => {
  it.each<[string, unknown, RegExp]>([
    ['a Date', assign({ at: () => new Date() }), /"m" on "GO": context\.at is a Date: store a number/],
    ['NaN', assign({ count: () => Number.NaN }), /context\.count is NaN/],
    [
      'a Date in an emitted event',
      emit({ type: 'told', at: new Date() } as never),
      /emit\("told"\)\.at is a Da/,
    ],
    [
      'a Map in a delayed event',
      raise({ type: 'x', m: new Map() } as never, { delay: 5 }),
      /raise\("x"\)\.m is a Map/,
    ],
    [
      'spawn in an assign',
      assign({ ref: ({ spawn }: never) => (spawn as never as (x: unknown) => unknown)(child) }),
      /an inline actor is spawned/,
    ],
    [
      'spawn with a system id',
      assign(({ spawn }) => {
        spawn(child as never, { systemId: 'one' } as never)
        return {}
      }),
      /an inline actor is spawned/,
    ],
    [
      'self.send',
      assign(({ self }) => {
        self.send({ type: 'OK' })
        return {}
      }),
      /self\.send\(\) is called.*use raise/,
    ],
    [
      'a change in place',
      assign(({ context }: never) => {
        ;(context as { list: number[] }).list.push(2)
        return {}
      }),
      /changed in place/,
    ],
    [
      'a delay that gives undefined',
      raise({ type: 'OK' } as never, { delay: () => undefined as never }),
      /the delay of a raise is undefined/,
    ],
    [
      'a delay that gives NaN',
      raise({ type: 'OK' } as never, { delay: () => Number.NaN }),
      /the delay of a raise is NaN/,
    ],
    [
      'a missing named delay',
      raise({ type: 'OK' } as never, { delay: 'later' as never }),
      /the delay "later" has no implementation/,
    ],
    [
      'a delay in enqueueActions',
      enqueueActions(({ enqueue }) =>
        enqueue.raise({ type: 'OK' } as never, { delay: () => undefined as never }),
      ),
      /the delay of a raise is undefined/,
    ],
    [
      'a missing one in enqueueActions',
      enqueueActions(({ enqueue }) => enqueue(raise({ type: 'OK' } as never, { delay: 'later' as never }))),
      /the delay "later" has no impl/,
    ],
    ['a raise that raises itself', raise({ type: 'GO' } as never), /no stable state after 1000 microsteps/],
  ])('%s', (_what, actions, message) => expectRefused(onGo(actions), message))

  it('a named delay that returns undefined', () => {
    const machine = setup({ delays: { later: () => undefined as never } }).createMachine({
      id: 'm',
      context: { count: 0 },
      on: {
        GO: { actions: raise({ type: 'OK' }, { delay: 'later' }) },
        OK: { actions: assign({ count: 1 }) },
      },
    })
    expectRefused(machine, /the delay "later" is undefined/)
  })

  it('a cycle of "always"', () => {
    const machine = createMachine({
      id: 'm',
      context: { count: 0 },
      initial: 'rest',
      states: { rest: { on: { GO: 'a' } }, a: { always: 'b' }, b: { always: 'a' } },
      on: { OK: { actions: assign({ count: 1 }) } },
    })
    expectRefused(machine, /"m" on "GO": no stable state after 1000 microsteps/)
  })

  it('a cycle at the start, which fails the creation alone', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { always: 'b' }, b: { always: 'a' } },
    })
    expect(() => run(machine)).toThrow(/"m" on "xstate\.init": no stable state/)
  })

  it('more microsteps than the machine itself allows', () => {
    const count = { count: ({ context }: { context: { count: number } }) => context.count + 1 }
    const machine = createMachine({
      id: 'm',
      options: { maxIterations: 5_000 },
      context: { count: 0 },
      on: {
        GO: { actions: raise({ type: 'STEP' }) },
        STEP: [
          {
            guard: ({ context }: { context: { count: number } }) => context.count < 3_000,
            actions: [assign(count), raise({ type: 'STEP' })],
          },
        ],
      },
    } as never)
    expect(run(machine, 'GO').context).toEqual({ count: 3_000 })
  })

  it.each([
    [
      'spawns',
      ({ spawn }: { spawn: (x: unknown) => unknown }) => ({ ref: spawn(child) }),
      /an inline actor is spawned/,
    ],
    ['has a Set', () => ({ seen: new Set() }), /context\.seen is a Set: store an array/],
  ])('a context factory that %s', (_what, context, message) => {
    expect(() => run(createMachine({ id: 'm', context } as never))).toThrow(message)
  })

  it('a transition to the history of an active parent, after which XState is in no state at all', () => {
    const machine = createMachine({
      id: 'm',
      type: 'parallel',
      context: { count: 0 },
      states: {
        past: { type: 'history' },
        a: { on: { GO: { target: '#m.past', reenter: true } } },
        b: { initial: 'x', states: { x: {} } },
      },
      on: { OK: { actions: assign({ count: 1 }) } },
    })
    expectRefused(machine, /it would leave "#m\.a" active without its parent/)
  })

  it('an output that cannot be stored', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { on: { GO: 'z' } }, z: { type: 'final' } },
      output: () => new Map(),
    })
    expect(() => run(machine, 'GO')).toThrow(/output is a Map/)
  })
})

describe('R10.8 as in a plain actor', () => {
  it('undefined members and -0 are read at once as after a restart', () => {
    const machine = onGo(assign({ gone: () => undefined, zero: () => -0 }))
    expect(JSON.stringify(run(machine, 'GO').context)).toBe('{"count":0,"list":[1],"zero":0}')
    expect(run(machine, 'GO').context).not.toHaveProperty('gone')
  })

  it('a delay that has passed is due at once', () => {
    const machine = onGo(raise({ type: 'OK' } as never, { delay: () => -5, id: 'late' }))
    const stepper = createStepper(machine)
    const step = stepper.step(stepper.begin({}, uid).snapshot, { type: 'GO', at: 1, uid })
    expect(step).toMatchObject({ effects: [{ kind: 'arm', sendId: 'late', delayMs: 0 }] })
  })

  it('self.getSnapshot() is the snapshot before the event', () => {
    const machine = onGo(
      assign({
        count: ({ self }) =>
          (self.getSnapshot() as unknown as { context: { count: number } }).context.count + 5,
      }),
    )
    expect(run(machine, 'OK', 'GO').context).toMatchObject({ count: 6 })
  })

  it('a machine that has ended takes no more events', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { on: { END: 'z' } }, z: { type: 'final' } },
      on: { GO: '.a' },
    })
    expect(run(machine, 'END', 'GO')).toMatchObject({ status: 'done', value: 'z' })
  })
})
