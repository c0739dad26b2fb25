/* Which transition is taken. */
import { and, assign, createMachine, not, or, setup, stateIn } from 'xstate'
import type { Chapter } from '../harness/row.js'
import { emitting, go, say } from './words.js'

export const transitions: Chapter = {
  title: 'Transitions and guards',
  rows: [
    {
      feature: 'the first transition whose guard holds',
      machine: () =>
        createMachine({
          context: { n: 0 },
          initial: 'a',
          states: {
            a: {
              on: {
                go: [
                  { guard: ({ event }) => event.n > 10, target: 'big' },
                  {
                    guard: ({ event }) => event.n > 5,
                    target: 'middle',
                    actions: assign({ n: ({ event }) => event.n }),
                  },
                  { target: 'small' },
                ],
              },
            },
            big: { on: { go: 'a' } },
            middle: { on: { go: 'a' } },
            small: { on: { go: 'a' } },
          },
        }),
      steps: [{ type: 'go', n: 7 }, go, { type: 'go', n: 11 }, go, { type: 'go', n: 1 }],
      verdict: 'same',
    },
    {
      feature: '`and`, `or`, `not` of guards',
      machine: () =>
        setup({
          guards: {
            isOdd: ({ event }) => (event as unknown as { n: number }).n % 2 === 1,
            isBig: ({ event }) => (event as unknown as { n: number }).n > 10,
          },
        }).createMachine({
          on: {
            go: [
              { guard: and(['isOdd', 'isBig']), actions: say('odd and big') },
              { guard: or(['isOdd', and([not('isOdd'), 'isBig'])]), actions: say('odd or big') },
              { guard: not('isBig'), actions: say('neither') },
            ],
          },
        }),
      steps: [11, 3, 12, 2].map(n => ({ type: 'go', n })),
      verdict: 'same',
    },
    {
      feature: '`stateIn` across parallel regions',
      machine: () =>
        createMachine({
          type: 'parallel',
          states: {
            door: {
              initial: 'shut',
              states: { shut: { on: { open: 'open' } }, open: { on: { shut: 'shut' } } },
            },
            light: {
              initial: 'off',
              states: {
                off: { on: { go: { guard: stateIn({ door: 'open' }), target: 'on' } } },
                on: { on: { go: 'off' } },
              },
            },
          },
        }),
      steps: [go, { type: 'open' }, go],
      verdict: 'same',
    },
    {
      feature: 'a named guard with params',
      machine: () =>
        setup({
          guards: {
            isAbove: ({ event }, params: { limit: number }) =>
              (event as unknown as { n: number }).n > params.limit,
          },
        }).createMachine({
          on: { go: { guard: { type: 'isAbove', params: { limit: 5 } }, actions: say('above') } },
        }),
      steps: [
        { type: 'go', n: 5 },
        { type: 'go', n: 6 },
      ],
      verdict: 'same',
    },
    {
      feature: 'a guard that throws',
      machine: () =>
        createMachine({
          on: {
            go: {
              guard: () => {
                throw new Error('no tariff')
              },
              actions: say('gone'),
            },
            ok: { actions: say('ok') },
          },
        }),
      steps: [{ type: 'ok' }, go, { type: 'ok' }],
      verdict: { refused: 'event', says: 'no tariff' },
    },
    {
      feature: 'a guard that is not implemented',
      machine: () => createMachine({ on: { go: { guard: 'isOpen', actions: say('x') } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the guard "isOpen" is not implemented' },
    },
    {
      feature: 'a guard that is not implemented, inside `and`',
      machine: () => createMachine({ on: { go: { guard: and([() => true, 'isOpen']), actions: say('x') } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the guard "isOpen" is not implemented' },
    },
    {
      feature: 'a guard that is not implemented, inside `or` inside `not`',
      machine: () =>
        createMachine({ on: { go: { guard: not(or(['isOpen', () => false])), actions: say('x') } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the guard "isOpen" is not implemented' },
    },
    {
      feature: 'a guard of `always` that is not implemented',
      machine: () =>
        createMachine({ initial: 'a', states: { a: { always: { guard: 'isOpen', target: 'b' } }, b: {} } }),
      steps: [],
      verdict: { refused: 'registration', says: 'the guard "isOpen" is not implemented' },
    },
    {
      feature: '`always`, with and without a guard, in a chain',
      machine: () =>
        createMachine({
          context: { n: 0 },
          initial: 'a',
          states: {
            a: {
              on: { go: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
              always: { guard: ({ context }) => context.n >= 2, target: 'b', actions: say('enough') },
            },
            b: { entry: assign({ n: 100 }), always: 'c' },
            c: { entry: say('c') },
          },
        }),
      steps: [go, go],
      verdict: 'same',
    },
    {
      feature: '`always` at the start',
      machine: () =>
        createMachine({
          initial: 'a',
          states: { a: { entry: say('a'), always: 'b' }, b: { entry: say('b') } },
        }),
      steps: [],
      verdict: 'same',
    },
    {
      feature: '`always` of the root, once after each event',
      machine: () =>
        createMachine({
          context: { n: 0, checks: 0 },
          on: { go: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
          always: {
            guard: ({ context }) => context.checks < context.n,
            actions: assign({ checks: ({ context }) => context.checks + 1 }),
          },
        }),
      steps: [go, go],
      verdict: 'same',
    },
    {
      feature: 'wildcard `*`, after named events',
      machine: () =>
        createMachine({
          on: {
            go: { actions: say('go') },
            '*': { actions: emitting(({ event }) => ({ type: 'other', was: event.type })) },
          },
        }),
      steps: [go, { type: 'what.ever' }],
      verdict: 'same',
    },
    {
      feature: 'partial wildcards `a.*`, the longest first',
      machine: () =>
        createMachine({
          on: {
            'truck.*': { actions: say('truck') },
            'truck.accept.*': { actions: say('accept') },
            '*': { actions: say('any') },
          },
        }),
      steps: [
        { type: 'truck.accept.late' },
        { type: 'truck.cancel' },
        { type: 'truck' },
        { type: 'trucks' },
        { type: 'load' },
      ],
      verdict: 'same',
    },
    {
      feature: 'a forbidden transition (`{}`) stops the parent’s',
      machine: () =>
        createMachine({
          initial: 'a',
          on: { go: { actions: say('root') } },
          states: { a: { on: { go: {}, next: 'b' } }, b: {} },
        }),
      steps: [go, { type: 'next' }, go],
      verdict: 'same',
    },
    {
      feature: 'internal transitions keep the state',
      machine: () =>
        createMachine({
          initial: 'a',
          states: {
            a: {
              entry: say('in'),
              exit: say('out'),
              initial: 'a1',
              states: { a1: { on: { next: 'a2' } }, a2: {} },
              on: { go: { actions: say('stay') }, first: '.a1' },
            },
          },
        }),
      steps: [{ type: 'next' }, go, { type: 'first' }],
      verdict: 'same',
    },
    {
      feature: '`reenter: true` leaves and enters again',
      machine: () =>
        createMachine({
          initial: 'a',
          states: {
            a: {
              entry: say('in'),
              exit: say('out'),
              after: { 100: 'late' },
              on: { go: { target: 'a', reenter: true } },
            },
            late: {},
          },
        }),
      steps: [60, go, 60, 60],
      verdict: 'same',
    },
    {
      feature: 'a child’s transition before its parent’s',
      machine: () =>
        createMachine({
          initial: 'a',
          states: {
            a: {
              initial: 'a1',
              on: { go: { target: 'b', actions: say('parent') } },
              states: {
                a1: { on: { go: { guard: ({ event }) => event.stay === true, actions: say('child') } } },
              },
            },
            b: {},
          },
        }),
      steps: [{ type: 'go', stay: true }, go],
      verdict: 'same',
    },
    {
      feature: 'an event that nothing handles',
      machine: () =>
        createMachine({ context: { n: 1 }, initial: 'a', states: { a: { on: { go: 'b' } }, b: {} } }),
      steps: [{ type: 'unheard' }, go, go],
      verdict: 'same',
    },
    {
      feature: 'several targets',
      machine: () =>
        createMachine({
          initial: 'idle',
          states: {
            idle: { on: { go: { target: ['#a2', '#b2'] } } },
            both: {
              type: 'parallel',
              states: {
                a: { initial: 'a1', states: { a1: {}, a2: { id: 'a2' } } },
                b: { initial: 'b1', states: { b1: {}, b2: { id: 'b2' } } },
              },
            },
          },
        }),
      steps: [go],
      verdict: 'same',
    },
    {
      feature: 'tags and meta',
      machine: () =>
        createMachine({
          initial: 'a',
          meta: { title: 'root' },
          states: {
            a: { tags: ['idle', 'first'], meta: { color: 'red' }, on: { go: 'b' } },
            b: { tags: 'busy', meta: { color: 'green' } },
          },
        }),
      steps: [go],
      verdict: 'same',
    },
    {
      feature: '`description`, `id` and targets by id',
      machine: () =>
        createMachine({
          id: 'trip',
          description: 'a trip',
          initial: 'a',
          states: {
            a: { id: 'start', description: 'begins', on: { go: { target: '#end', description: 'on' } } },
            b: { id: 'end', on: { go: '#start' } },
          },
        }),
      steps: [go, go],
      verdict: 'same',
    },
    {
      feature: '`route`: `xstate.route.*` events',
      machine: () =>
        createMachine({
          id: 'm',
          initial: 'a',
          states: { a: {}, b: { id: 'b', route: {} } },
        } as Parameters<typeof createMachine>[0]),
      steps: [{ type: 'xstate.route.b' }],
      verdict: { refused: 'registration', says: 'instead of `route`' },
    },
  ],
}
