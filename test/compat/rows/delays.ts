/* Delays: which fire, and in which order. A number among the steps lets so many milliseconds pass. */
import { assign, cancel, createMachine, setup } from 'xstate'
import type { Chapter } from '../harness/row.js'
import { emitting, type Given, go, note, raising, say } from './words.js'

export const delays: Chapter = {
  title: 'Delays',
  rows: [
    {
      feature: '`after`, static',
      machine: () =>
        createMachine({
          initial: 'a',
          states: {
            a: { after: { 100: { target: 'b', actions: say('late') } } },
            b: { after: { 50: 'c' } },
            c: {},
          },
        }),
      steps: [99, 1, 49, 1],
      verdict: 'same',
    },
    {
      feature: 'a chain of `after`s, all overdue at once',
      machine: () =>
        createMachine({
          initial: 'a',
          states: {
            a: { after: { 100: 'b' } },
            b: { entry: say('b'), after: { 50: 'c' } },
            c: { entry: say('c'), after: { 25: 'd' } },
            d: { entry: say('d') },
          },
        }),
      steps: [1_000],
      verdict: 'same',
    },
    {
      feature: '`after`, left before it is due',
      machine: () =>
        createMachine({
          initial: 'a',
          states: { a: { after: { 100: 'late' }, on: { go: 'b' } }, b: { on: { go: 'a' } }, late: {} },
        }),
      steps: [60, go, 60, go, 60, 60],
      verdict: 'same',
    },
    {
      feature: '`after`, named, static and computed from the context',
      machine: () =>
        setup({
          delays: { short: 20, long: ({ context }) => (context as { ms: number }).ms },
        }).createMachine({
          context: { ms: 70 },
          initial: 'a',
          states: {
            a: { after: { short: 'b' } },
            b: { after: { long: 'c' } },
            c: {},
          },
        }),
      steps: [19, 1, 69, 1],
      verdict: 'same',
    },
    {
      feature: 'several `after`s of one state, and one with a guard',
      machine: () =>
        createMachine({
          context: { ok: false },
          initial: 'a',
          states: {
            a: {
              on: { go: { actions: assign({ ok: true }) } },
              after: {
                100: { actions: say('100') },
                200: { guard: ({ context }) => context.ok, target: 'b' },
                300: 'c',
              },
            },
            b: {},
            c: {},
          },
        }),
      steps: [150, 100, go, 100],
      verdict: 'same',
    },
    {
      feature: '`after: 0`',
      machine: () =>
        createMachine({
          initial: 'a',
          states: { a: { entry: say('a'), after: { 0: 'b' } }, b: { entry: say('b') } },
        }),
      steps: [0, go],
      verdict: 'same',
    },
    {
      feature: '`after` of a parent while its children change',
      machine: () =>
        createMachine({
          initial: 'p',
          states: {
            p: {
              initial: 'p1',
              after: { 100: 'late' },
              states: { p1: { on: { go: 'p2' }, after: { 70: 'p2' } }, p2: { on: { go: 'p1' } } },
            },
            late: {},
          },
        }),
      steps: [40, go, 40, go, 20],
      verdict: 'same',
    },
    {
      feature: '`raise` with a delay',
      machine: () =>
        createMachine({
          initial: 'a',
          states: {
            a: {
              on: {
                go: { actions: raising({ type: 'ring', n: 3 }, { delay: 100 }) },
                ring: { target: 'b', actions: emitting(({ event }) => ({ type: 'rung', n: event.n })) },
              },
            },
            b: {},
          },
        }),
      steps: [go, 99, 1],
      verdict: 'same',
    },
    {
      feature: '`raise` with a named delay, static and computed',
      machine: () =>
        setup({
          delays: { short: 50, fromEvent: ({ event }) => (event as unknown as { ms: number }).ms },
        }).createMachine({
          context: { log: '' },
          on: {
            short: { actions: raising({ type: 's' }, { delay: 'short' }) },
            long: { actions: raising({ type: 'l' }, { delay: 'fromEvent' }) },
            s: { actions: note('s') },
            l: { actions: note('l') },
          },
        }),
      steps: [{ type: 'long', ms: 80 }, { type: 'short' }, 49, 1, 30],
      verdict: 'same',
    },
    {
      feature: '`raise` with an inline delay function',
      machine: () =>
        createMachine({
          context: { log: '', ms: 30 },
          on: {
            go: { actions: raising({ type: 'r' }, { delay: ({ context }) => context.ms }) },
            r: { actions: note('r') },
          },
        }),
      steps: [go, 29, 1],
      verdict: 'same',
    },
    {
      feature: '`raise` with `delay: 0`: after the transition, not within it',
      machine: () =>
        createMachine({
          initial: 'a',
          states: {
            a: { on: { go: { target: 'b', actions: raising({ type: 'r' }, { delay: 0 }) } } },
            b: { on: { r: 'c' } },
            c: {},
          },
        }),
      steps: [go, 0],
      verdict: 'same',
    },
    {
      feature: '`cancel` by id, also one that is not armed',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            arm: { actions: raising({ type: 'r' }, { delay: 100, id: 'bell' }) },
            stop: { actions: cancel('bell') },
            r: { actions: note('r') },
          },
        }),
      steps: [{ type: 'stop' }, { type: 'arm' }, 50, { type: 'stop' }, 100, { type: 'arm' }, 100],
      verdict: 'same',
    },
    {
      feature: '`cancel` by an id from the event',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            arm: {
              actions: [
                raising({ type: 'r', of: 'a' }, { delay: 100, id: 'a' }),
                raising({ type: 'r', of: 'b' }, { delay: 100, id: 'b' }),
              ],
            },
            stop: { actions: cancel((({ event }: Given) => event.id) as never) },
            r: { actions: note(({ event }) => event.of) },
          },
        }),
      steps: [{ type: 'arm' }, { type: 'stop', id: 'a' }, 100],
      verdict: 'same',
    },
    {
      feature: '`raise` with an id that is no string',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: raising({ type: 'r' }, { delay: 100, id: () => 'a' }) },
            ok: { actions: note('k') },
          },
        }),
      steps: [{ type: 'ok' }, go, { type: 'ok' }],
      verdict: { refused: 'event', says: 'raise.id: expected a string' },
    },
    {
      feature: 'a delayed raise whose id is armed again before it is due',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            arm: { actions: raising(({ event }) => ({ type: 'r', of: event.of }), { delay: 100, id: 'a' }) },
            r: { actions: note(({ event }) => event.of) },
          },
        }),
      steps: [{ type: 'arm', of: '1' }, 60, { type: 'arm', of: '2' }, 60, 60],
      verdict: 'same',
    },
    {
      feature: 'a delayed raise outlives its state',
      machine: () =>
        createMachine({
          initial: 'a',
          states: {
            a: { entry: raising({ type: 'r' }, { delay: 100 }), on: { go: 'b' } },
            b: { on: { r: 'c' } },
            c: {},
          },
        }),
      steps: [50, go, 50],
      verdict: 'same',
    },
    {
      feature: 'several raises without an id, each rings',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: {
              actions: [
                raising({ type: 'a' }, { delay: 30 }),
                raising({ type: 'b' }, { delay: 20 }),
                raising({ type: 'c' }, { delay: 10 }),
              ],
            },
            a: { actions: note('a') },
            b: { actions: note('b') },
            c: { actions: note('c') },
          },
        }),
      steps: [go, 100],
      verdict: 'same',
    },
    {
      feature: 'timers that are due at the same millisecond: in the order of arming',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: ['a', 'b', 'c', 'd'].map(type => raising({ type }, { delay: 300 })) },
            a: { actions: note('a') },
            b: { actions: note('b') },
            c: { actions: note('c') },
            d: { actions: note('d') },
          },
        }),
      steps: [go, 300],
      verdict: 'same',
    },
    {
      feature: 'timers of one millisecond that were armed by several events',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: {
              actions: raising(({ event }) => ({ type: 'r', of: event.of }), {
                delay: ({ event }) => event.ms,
              }),
            },
            r: { actions: note(({ event }) => event.of) },
          },
        }),
      steps: [
        { type: 'go', of: 'a', ms: 300 },
        100,
        { type: 'go', of: 'b', ms: 200 },
        100,
        { type: 'go', of: 'c', ms: 100 },
        { type: 'go', of: 'd', ms: 99 },
        500,
      ],
      verdict: 'same',
    },
    {
      feature: '`after`s of several regions at the same millisecond',
      machine: () =>
        createMachine({
          type: 'parallel',
          context: { log: '' },
          states: Object.fromEntries(
            ['z', 'm', 'a'].map(name => [
              name,
              {
                initial: 'on',
                states: { on: { after: { 100: { target: 'off', actions: note(name) } } }, off: {} },
              },
            ]),
          ),
        }),
      steps: [100],
      verdict: 'same',
    },
    {
      feature: 'a timer that stops another of the same millisecond',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: {
              actions: [
                raising({ type: 'a' }, { delay: 50 }),
                raising({ type: 'b' }, { delay: 50, id: 'b' }),
              ],
            },
            a: { actions: [note('a'), cancel('b')] },
            b: { actions: note('b') },
          },
        }),
      steps: [go, 100],
      verdict: 'same',
    },
    {
      feature: 'a timer that arms itself again',
      machine: () =>
        createMachine({
          context: { n: 0 },
          initial: 'a',
          states: {
            a: {
              after: {
                10: {
                  target: 'a',
                  reenter: true,
                  guard: ({ context }) => context.n < 5,
                  actions: assign({ n: ({ context }) => context.n + 1 }),
                },
              },
            },
          },
        }),
      steps: [35, 100],
      verdict: 'same',
    },
    {
      feature: 'an `after` delay that is not implemented',
      machine: () => createMachine({ initial: 'a', states: { a: { after: { soon: 'b' } }, b: {} } }),
      steps: [],
      verdict: { refused: 'registration', says: 'the delay "soon" is not implemented' },
    },
    {
      feature: 'a `raise` delay that is not implemented',
      machine: () => createMachine({ on: { go: { actions: raising({ type: 'r' }, { delay: 'soon' }) } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the delay "soon" is not implemented' },
    },
    {
      feature: 'a delay that comes out undefined',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: raising({ type: 'r' }, { delay: () => undefined }) },
            r: { actions: note('r') },
            ok: { actions: note('k') },
          },
        }),
      steps: [{ type: 'ok' }, go, { type: 'ok' }],
      verdict: { refused: 'event', says: 'is undefined' },
    },
    {
      feature: 'an `after` delay that comes out undefined',
      machine: () =>
        setup({ delays: { soon: (() => undefined) as unknown as () => number } }).createMachine({
          initial: 'a',
          states: { a: { on: { go: 'b' } }, b: { after: { soon: 'c' } }, c: {} },
        }),
      steps: [go, { type: 'ok' }],
      verdict: { refused: 'event', says: 'is undefined' },
    },
    {
      feature: 'a negative delay',
      machine: () => createMachine({ on: { go: { actions: raising({ type: 'r' }, { delay: -1 }) } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'got -1' },
    },
    {
      feature: 'a delay that comes out negative is 0',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: raising({ type: 'r' }, { delay: () => -1 }) },
            r: { actions: note('r') },
          },
        }),
      steps: [go, 0],
      verdict: 'same',
    },
    {
      feature: 'a delay that is not a number',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: raising({ type: 'r' }, { delay: () => Number.NaN }) },
            ok: { actions: note('k') },
          },
        }),
      steps: [{ type: 'ok' }, go, { type: 'ok' }],
      verdict: { refused: 'event', says: 'is NaN' },
    },
    {
      feature: 'a delay of three million years',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: { go: { actions: raising({ type: 'r' }, { delay: () => 1e17 }) }, ok: { actions: note('k') } },
        }),
      steps: [{ type: 'ok' }, go, { type: 'ok' }],
      verdict: { refused: 'event', says: '100000000000000000' },
    },
    {
      feature: 'a fraction of a millisecond',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: { go: { actions: raising({ type: 'r' }, { delay: 10.4 }) }, r: { actions: note('r') } },
        }),
      steps: [go, 9, 5],
      verdict: 'same',
    },
  ],
}
