/* Values: what a machine may keep in its context, emit and put out. */
import { createMachine } from 'xstate'
import type { Chapter, Row } from '../harness/row.js'
import { assigning, emitting, go, note, raising } from './words.js'

class Money {
  readonly cents: number
  constructor(cents: number) {
    this.cents = cents
  }
}

const sparse = () => {
  const array = [1, 2]
  array[4] = 5
  return array
}

/** The name in the table, a maker of the value, and what the refusal calls it. */
const notJson: readonly [string, () => unknown, string][] = [
  ['a `Date`', () => new Date(0), 'context.bids[0].at is a Date'],
  ['a `Map`', () => new Map([['a', 1]]), 'context.bids[0].at is a Map'],
  ['a `Set`', () => new Set([1]), 'context.bids[0].at is a Set'],
  ['an instance of a class', () => new Money(5), 'context.bids[0].at is a Money'],
  ['a function', () => () => 1, 'context.bids[0].at is a function'],
  ['a symbol', () => Symbol('x'), 'context.bids[0].at is a symbol'],
  ['`NaN`', () => Number.NaN, 'context.bids[0].at is NaN'],
  ['`Infinity`', () => Number.POSITIVE_INFINITY, 'context.bids[0].at is Infinity'],
  ['a `BigInt`', () => 10n, 'context.bids[0].at is a BigInt'],
  ['a sparse array', sparse, 'context.bids[0].at'],
  ['a typed array', () => new Uint8Array([1, 2]), 'context.bids[0].at is a Uint8Array'],
  ['an object with `toJSON`', () => ({ toJSON: () => 1 }), 'context.bids[0].at'],
  ['a regular expression', () => /x/, 'context.bids[0].at is a RegExp'],
  ['an `Error`', () => new Error('x'), 'context.bids[0].at is a'],
  ['a `Promise`', () => Promise.resolve(1), 'context.bids[0].at is a Promise'],
]

const ok = { type: 'ok' }

const kept = ([what, make, says]: (typeof notJson)[number]): Row => ({
  feature: `context: ${what}`,
  machine: () =>
    createMachine({
      context: { log: '', bids: [] },
      on: { go: { actions: assigning(() => ({ bids: [{ at: make() }] })) }, ok: { actions: note('k') } },
    }),
  steps: [ok, go, ok],
  verdict: { refused: 'event', says },
})

/** A machine that stores each `value` it is sent, and shows how it would decide by it. */
const keeping = (make: () => unknown) =>
  createMachine({
    context: { value: null, log: '' },
    on: {
      go: { actions: assigning(() => ({ value: make() })) },
      ok: { actions: note(({ context }) => JSON.stringify(context.value) ?? 'none') },
    },
  })

export const values: Chapter = {
  title: 'Values',
  rows: [
    {
      feature: 'context: strings, numbers, booleans, `null`, arrays, objects',
      machine: () =>
        keeping(() => ({
          text: 'Größe 🚚\n"',
          numbers: [0, -1.5, 1e300, Number.MAX_SAFE_INTEGER, 5e-324],
          flags: [true, false, null],
          deep: { er: [{ st: [] }, {}] },
        })),
      steps: [go, ok],
      verdict: 'same',
    },
    {
      feature: 'context: the order of keys',
      machine: () =>
        createMachine({
          context: { bids: { zoe: 5, amy: 5, bob: 7 }, winner: '' },
          on: {
            bid: {
              actions: assigning(({ context, event }) => ({
                bids: { ...context.bids, [event.who]: event.n },
              })),
            },
            go: {
              actions: assigning(({ context }) => ({
                winner: Object.entries(context.bids as Record<string, number>).reduce((best, one) =>
                  one[1] < best[1] ? one : best,
                )[0],
              })),
            },
          },
        }),
      steps: [{ type: 'bid', who: 'max', n: 5 }, go],
      verdict: 'same',
    },
    {
      feature: 'context: keys like numbers, and the empty one',
      machine: () => keeping(() => JSON.parse('{"b":1,"10":2,"2":3,"":4}')),
      steps: [go, ok],
      verdict: 'same',
    },
    {
      feature: 'context: the key `__proto__`',
      machine: () => keeping(() => JSON.parse('{"b":1,"__proto__":5}')),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'context.value has the key "__proto__"' },
    },
    {
      feature: 'context: `undefined` in an array is `null` at once',
      machine: () => keeping(() => [1, undefined]),
      steps: [go, ok],
      verdict: 'as JSON',
    },
    {
      feature: 'context: an object without a prototype',
      machine: () => keeping(() => Object.assign(Object.create(null), { a: 1 })),
      steps: [go, ok],
      verdict: 'as JSON',
    },
    {
      feature: 'context: the same object twice',
      machine: () =>
        createMachine({
          context: { a: null, b: null, log: '' },
          on: {
            go: {
              actions: assigning(() => {
                const shared = { n: 1 }
                return { a: shared, b: shared }
              }),
            },
            ok: { actions: note('k') },
          },
        }),
      steps: [go, ok],
      verdict: 'same',
    },
    {
      feature: 'context: members that are `undefined` are left out at once',
      machine: () =>
        createMachine({
          context: { a: 1, b: undefined as unknown, log: '' },
          on: {
            go: { actions: assigning(() => ({ a: undefined, c: { d: undefined, e: 1 } })) },
            ok: { actions: note('k') },
          },
        }),
      steps: [go, ok],
      verdict: 'as JSON',
    },
    {
      feature: 'context: `-0` is 0 at once',
      machine: () => keeping(() => ({ minus: -0 })),
      steps: [go, ok],
      verdict: 'as JSON',
    },
    ...notJson.map(kept),
    {
      feature: 'context: a cycle',
      machine: () =>
        createMachine({
          context: { log: '', self: null },
          on: {
            go: {
              actions: assigning(() => {
                const cycle: Record<string, unknown> = {}
                cycle.again = cycle
                return { self: cycle }
              }),
            },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'context.self' },
    },
    {
      feature: 'context: a `Date` from the start',
      machine: () => createMachine({ context: { since: new Date(0) } }),
      steps: [],
      verdict: { refused: 'start', says: 'context.since is a Date' },
    },
    {
      feature: 'context: NUL in a string',
      machine: () =>
        createMachine({
          context: { log: '', text: '' },
          on: { go: { actions: assigning(() => ({ text: 'a\u0000b' })) }, ok: { actions: note('k') } },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'context.text' },
    },
    {
      feature: 'context: half of a surrogate pair',
      machine: () =>
        createMachine({
          context: { log: '', text: '' },
          on: { go: { actions: assigning(() => ({ text: 'a\ud800b' })) }, ok: { actions: note('k') } },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'context.text' },
    },
    {
      feature: 'context: an object that looks like a reference to an actor',
      machine: () => keeping(() => ({ xstate$$type: 1, id: 'x' })),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'context.value' },
    },
    {
      feature: 'emitted: a `Date`',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: emitting(() => ({ type: 'told', at: new Date(0) })) },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'at is a Date' },
    },
    {
      feature: 'emitted: `NaN`, deep',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: emitting(() => ({ type: 'told', prices: [{ cents: Number.NaN }] })) },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'prices[0].cents is NaN' },
    },
    {
      feature: 'emitted: members that are `undefined` are left out',
      machine: () =>
        createMachine({ on: { go: { actions: emitting(() => ({ type: 'told', a: undefined, b: 1 })) } } }),
      steps: [go],
      verdict: 'as JSON',
    },
    {
      feature: 'emitted: an `audience` that is no list of names',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: emitting(() => ({ type: 'told', audience: 'ann' })) },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'audience: expected an array of strings' },
    },
    {
      feature: 'output: a `Map`',
      machine: () =>
        createMachine({
          context: { log: '' },
          initial: 'a',
          states: { a: { on: { go: 'b', ok: { actions: note('k') } } }, b: { type: 'final' } },
          output: () => ({ loads: new Map() }),
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'output.loads is a Map' },
    },
    {
      feature: 'a delayed raise that carries a `Date`',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: raising({ type: 'later', at: new Date(0) }, { delay: 10 }) },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'is a Date' },
    },
    {
      feature: 'an event that carries a `Date`',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: note(({ event }) => (event.when instanceof Date ? 'date' : 'text')) },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, { type: 'go', when: new Date(0) }, ok],
      verdict: { refused: 'event', says: 'when: is a Date' },
    },
    {
      feature: 'context changed in place by an action',
      machine: () =>
        createMachine({
          context: () => ({ list: [] as number[] }),
          on: {
            go: {
              actions: assigning(({ context }) => {
                context.list.push(context.list.length)
                return {}
              }),
            },
          },
        }),
      steps: [go, go],
      verdict: { refused: 'event', says: 'changed in place' },
    },
  ],
}
