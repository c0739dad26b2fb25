/* Loops without end. A plain actor would never come back from them. */
import { createMachine } from 'xstate'
import type { Chapter } from '../harness/row.js'
import { assigning, go, note, raising } from './words.js'

const ok = { type: 'ok' }

export const loops: Chapter = {
  title: 'Loops without end',
  rows: [
    {
      feature: 'two `always` that lead to each other',
      machine: () =>
        createMachine({
          context: { log: '' },
          initial: 'idle',
          states: {
            idle: { on: { go: 'a', ok: { actions: note('k') } } },
            a: { always: 'b' },
            b: { always: 'a' },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'microsteps' },
    },
    {
      feature: 'an event that raises itself',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: { go: { actions: raising({ type: 'go' }) }, ok: { actions: note('k') } },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'microsteps' },
    },
    {
      feature: 'an endless `always` at the start',
      machine: () => createMachine({ initial: 'a', states: { a: { always: 'b' }, b: { always: 'a' } } }),
      steps: [],
      verdict: { refused: 'start', says: 'microsteps' },
    },
    {
      feature: 'a loop of 300 microsteps that ends',
      machine: () =>
        createMachine({
          context: { n: 0 },
          initial: 'idle',
          states: {
            idle: { on: { go: 'a' } },
            a: {
              always: [
                {
                  guard: ({ context }) => context.n < 300,
                  target: 'a',
                  reenter: true,
                  actions: assigning(({ context }) => ({ n: context.n + 1 })),
                },
                'end',
              ],
            },
            end: {},
          },
        }),
      steps: [go],
      verdict: 'same',
    },
  ],
}
