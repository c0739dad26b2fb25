/* History, parallel regions and final states. */
import { assign, createMachine, raise } from 'xstate'
import type { Chapter } from '../harness/row.js'
import { go, note, say } from './words.js'

/** A washing program that can be left and resumed. */
const withHistory = (history: 'shallow' | 'deep', target?: string) =>
  createMachine({
    initial: 'off',
    states: {
      off: { on: { resume: 'on.back' } },
      on: {
        initial: 'x',
        on: { off: 'off' },
        states: {
          x: { on: { next: 'y' } },
          y: { initial: 'y1', states: { y1: { on: { next: 'y2' } }, y2: {} } },
          back: target === undefined ? { type: 'history', history } : { type: 'history', history, target },
        },
      },
    },
  })
const [resume, next, off] = [{ type: 'resume' }, { type: 'next' }, { type: 'off' }]

export const structure: Chapter = {
  title: 'History, parallel regions, final states',
  rows: [
    {
      feature: 'shallow history',
      machine: () => withHistory('shallow'),
      steps: [resume, next, next, off, resume],
      verdict: 'same',
    },
    {
      feature: 'deep history',
      machine: () => withHistory('deep'),
      steps: [resume, next, next, off, resume],
      verdict: 'same',
    },
    {
      feature: 'history with a default target, before the state was visited',
      machine: () => withHistory('shallow', 'y'),
      steps: [resume, next, off, resume],
      verdict: 'same',
    },
    {
      feature: 'history of a parallel state',
      machine: () =>
        createMachine({
          initial: 'on',
          states: {
            on: {
              type: 'parallel',
              on: { off: 'off' },
              states: {
                z: { initial: 'z1', states: { z1: { on: { z: 'z2' } }, z2: {} } },
                a: { initial: 'a1', states: { a1: { on: { a: 'a2' } }, a2: { entry: say('a2') } } },
                back: { type: 'history', history: 'deep' },
              },
            },
            off: { on: { resume: 'on.back' } },
          },
        }),
      steps: [{ type: 'a' }, off, resume, { type: 'z' }, off, resume],
      verdict: 'same',
    },
    {
      feature: 'a transition to the history of an active parallel parent',
      machine: () =>
        createMachine({
          type: 'parallel',
          states: {
            past: { type: 'history', id: 'past' },
            a: { on: { back: { target: '#past', reenter: true } } },
            b: { initial: 'x', states: { x: { on: { go: 'y' } }, y: {} } },
          },
        }),
      steps: [{ type: 'back' }, { type: 'go' }],
      verdict: { refused: 'event', says: 'active without its parent' },
    },
    {
      feature: 'conflicting transitions of regions: the region declared first wins',
      machine: () =>
        createMachine({
          initial: 'p',
          states: {
            p: {
              type: 'parallel',
              states: {
                payment: { initial: 'x', states: { x: { on: { go: '#refunded' } } } },
                ship: { initial: 'x', states: { x: { on: { go: '#shipped' } } } },
              },
            },
            refunded: { id: 'refunded' },
            shipped: { id: 'shipped' },
          },
        }),
      steps: [{ type: 'other' }, go],
      verdict: 'same',
    },
    {
      feature: 'order of regions whose names sort otherwise: emits and assigns',
      machine: () =>
        createMachine({
          type: 'parallel',
          context: { log: '' },
          states: Object.fromEntries(
            ['zulu', 'mike', 'alpha', 'bb', 'c'].map(name => [
              name,
              {
                initial: 'on',
                states: {
                  on: {
                    on: { go: { target: 'off', actions: [note(name), say(name)] } },
                    exit: say(`${name}.out`),
                  },
                  off: { entry: note(name[0] ?? ''), on: { go: 'on' } },
                },
              },
            ]),
          ),
        }),
      steps: [{ type: 'other' }, go, go, go],
      verdict: 'same',
    },
    {
      feature: 'order of regions after history',
      machine: () =>
        createMachine({
          context: { log: '' },
          initial: 'p',
          states: {
            p: {
              type: 'parallel',
              on: { off: 'off' },
              states: {
                z: { initial: 'x', states: { x: { on: { go: { actions: note('z') } }, entry: note('Z') } } },
                a: { initial: 'x', states: { x: { on: { go: { actions: note('a') } }, entry: note('A') } } },
                back: { type: 'history', history: 'deep' },
              },
            },
            off: { on: { resume: 'p.back' } },
          },
        }),
      steps: [go, off, resume, go],
      verdict: 'same',
    },
    {
      feature: 'nested parallel states',
      machine: () =>
        createMachine({
          type: 'parallel',
          states: {
            outer: {
              type: 'parallel',
              states: {
                y: { initial: 'y1', states: { y1: { on: { go: 'y2' } }, y2: {} } },
                b: {
                  type: 'parallel',
                  states: { q: { initial: 'q1', states: { q1: { on: { go: 'q2' } }, q2: {} } }, p: {} },
                },
              },
            },
            inner: {},
          },
        }),
      steps: [go],
      verdict: 'same',
    },
    {
      feature: 'a raise in one region, heard in another',
      machine: () =>
        createMachine({
          type: 'parallel',
          states: {
            z: {
              initial: 'z1',
              states: { z1: { on: { go: { target: 'z2', actions: raise({ type: 'done' }) } } }, z2: {} },
            },
            a: { initial: 'a1', states: { a1: { on: { done: 'a2' } }, a2: { entry: say('heard') } } },
          },
        }),
      steps: [go],
      verdict: 'same',
    },
    {
      feature: '`onDone` of a compound state',
      machine: () =>
        createMachine({
          initial: 'work',
          states: {
            work: {
              initial: 'w1',
              states: { w1: { on: { go: 'w2' } }, w2: { type: 'final', entry: say('w2') } },
              onDone: { target: 'rest', actions: say('done') },
            },
            rest: {},
          },
        }),
      steps: [go],
      verdict: 'same',
    },
    {
      feature: '`onDone` of a parallel state, once all regions are final',
      machine: () =>
        createMachine({
          initial: 'work',
          states: {
            work: {
              type: 'parallel',
              onDone: 'rest',
              states: {
                z: { initial: 'z1', states: { z1: { on: { z: 'z2' } }, z2: { type: 'final' } } },
                a: { initial: 'a1', states: { a1: { on: { a: 'a2' } }, a2: { type: 'final' } } },
              },
            },
            rest: { entry: say('rest') },
          },
        }),
      steps: [{ type: 'z' }, { type: 'a' }],
      verdict: 'same',
    },
    {
      feature: 'output of a final state, for `onDone`',
      machine: () =>
        createMachine({
          context: { sum: 0 },
          initial: 'work',
          states: {
            work: {
              initial: 'w1',
              states: { w1: { on: { go: 'w2' } }, w2: { type: 'final', output: { sum: 42 } } },
              onDone: { target: 'rest', actions: assign({ sum: ({ event }) => event.output.sum }) },
            },
            rest: {},
          },
        }),
      steps: [go],
      verdict: 'same',
    },
    {
      feature: 'the top-level final state: status and output',
      machine: () =>
        createMachine({
          context: { n: 3 },
          initial: 'a',
          states: { a: { on: { go: 'b' } }, b: { type: 'final', entry: say('end') } },
          output: ({ context }) => ({ total: context.n * 2, by: 'm' }),
        }),
      steps: [go],
      verdict: 'same',
    },
    {
      feature: 'a finished machine ignores events, those of its root too',
      machine: () =>
        createMachine({
          context: { n: 0 },
          initial: 'a',
          on: { more: { actions: [assign({ n: ({ context }) => context.n + 1 }), say('more')] }, out: '.a' },
          states: { a: { on: { go: 'b' } }, b: { type: 'final' } },
        }),
      steps: [{ type: 'more' }, go, { type: 'more' }, { type: 'out' }],
      verdict: 'same',
    },
    {
      feature: 'a finished machine has no timers',
      machine: () =>
        createMachine({
          context: { n: 0 },
          initial: 'a',
          on: { r: { actions: [assign({ n: ({ context }) => context.n + 1 }), say('rung')] } },
          entry: raise({ type: 'r' }, { delay: 100 }),
          states: { a: { on: { go: 'b' } }, b: { type: 'final' } },
        }),
      steps: [50, go, 100],
      verdict: 'same',
    },
    {
      feature: 'a machine that is finished when it starts',
      machine: () =>
        createMachine({
          initial: 'a',
          states: { a: { type: 'final' } },
          output: 'nothing to do',
          on: { go: { actions: say('x') } },
        }),
      steps: [go],
      verdict: 'same',
    },
    {
      feature: 'final states of all regions of the root',
      machine: () =>
        createMachine({
          type: 'parallel',
          states: {
            z: { initial: 'z1', states: { z1: { on: { z: 'z2' } }, z2: { type: 'final' } } },
            a: { initial: 'a1', states: { a1: { on: { a: 'a2' } }, a2: { type: 'final' } } },
          },
          output: () => 'both',
        }),
      steps: [{ type: 'a' }, { type: 'z' }, { type: 'a' }],
      verdict: 'same',
    },
  ],
}
