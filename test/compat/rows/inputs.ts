/* Input: what a machine is started with. */
import { createMachine } from 'xstate'
import type { Chapter } from '../harness/row.js'
import { born, go, note } from './words.js'

/** A context factory that keeps what it makes of its input. */
const from = (make: (input: never) => unknown) =>
  createMachine({
    context: ({ input }) => ({ log: '', made: make(input as never) }),
    on: { go: { actions: note('g') } },
  })

export const inputs: Chapter = {
  title: 'Input',
  rows: [
    {
      feature: 'a context factory with input',
      machine: () => from((input: { owner: string; trucks: number[] }) => [input.owner, ...input.trucks]),
      input: { owner: 'ann', trucks: [1, 2] },
      steps: [go],
      verdict: 'same',
    },
    {
      feature: 'an initial state that depends on the input',
      machine: () =>
        createMachine({
          context: born(({ input }) => ({ n: (input as { n: number }).n })),
          initial: 'a',
          states: {
            a: { always: [{ guard: ({ context }) => context.n > 3, target: 'big' }, 'small'] },
            big: {},
            small: {},
          },
        }),
      input: { n: 5 },
      steps: [],
      verdict: 'same',
    },
    { feature: 'no input', machine: () => from(() => 'none'), steps: [go], verdict: 'same' },
    {
      feature: 'input that is a string',
      machine: () => from((input: string) => input.length),
      input: 'ann',
      steps: [go],
      verdict: { refused: 'start', says: 'expected an object' },
    },
    {
      feature: 'input that is an array',
      machine: () => from((input: number[]) => input.length),
      input: [1, 2, 3],
      steps: [go],
      verdict: { refused: 'start', says: 'expected an object' },
    },
    {
      feature: 'input with a `Date`',
      machine: () => from((input: { when: Date }) => input.when.getTime()),
      input: { when: new Date(5) },
      steps: [go],
      verdict: { refused: 'start', says: 'when: is a Date' },
    },
    {
      feature: 'input with an `at` of its own',
      machine: () => from((input: { at: string }) => input.at),
      input: { at: 'noon' },
      steps: [go],
      verdict: { refused: 'start', says: 'at: is filled in by the engine' },
    },
    {
      feature: 'an event with an `at` of its own',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: { go: { actions: note(({ event }) => String(event.at)) }, ok: { actions: note('k') } },
        }),
      steps: [{ type: 'ok' }, { type: 'go', at: 'noon' }, { type: 'ok' }],
      verdict: { refused: 'event', says: 'at: is filled in by the engine' },
    },
    {
      feature: 'an event with a `uid` of its own',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: { go: { actions: note(({ event }) => String(event.uid)) }, ok: { actions: note('k') } },
        }),
      steps: [{ type: 'ok' }, { type: 'go', uid: 'mine' }, { type: 'ok' }],
      verdict: { refused: 'event', says: 'uid: is filled in by the engine' },
    },
    {
      feature: 'an event whose type begins with `xstate.`',
      machine: () => createMachine({ on: { 'xstate.mine': { actions: note('x') } } }),
      steps: [{ type: 'xstate.mine' }],
      verdict: { refused: 'registration', says: 'names that begin with "xstate." are reserved' },
    },
    {
      feature: 'a context factory that throws',
      machine: () =>
        from(() => {
          throw new Error('no owner')
        }),
      steps: [go],
      verdict: { refused: 'start', says: 'no owner' },
    },
  ],
}
