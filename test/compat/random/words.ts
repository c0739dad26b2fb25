/* What the actions and guards of random machines do. */
import { type AnyStateMachine, cancel, createMachine, enqueueActions } from 'xstate'
import { assigning, emitting, type Given, note, raising } from '../rows/words.js'
import type { Json } from './machines.js'

export const EVENTS = ['go', 'stop', 'turn']
const DELAYS_MS = [0, 10, 20, 50]

/** A log that does not grow beyond what can be read. */
const LONGEST_LOG = 60

const simple: Readonly<Record<string, unknown>> = {
  count: assigning(({ context }) => ({ n: (context.n + 1) % 7 })),
  double: assigning(({ context }) => ({ n: (context.n * 2) % 7 })),
  note: note(({ context, event }) =>
    context.log.length > LONGEST_LOG ? '' : `${context.n}${event.type[0]}`,
  ),
  // Keys that no store may sort.
  put: assigning(({ context }) => ({
    bag: { ...context.bag, [['z', 'b', '10', 'a', 'y', 'c', '2'][context.n] ?? 'x']: context.n },
  })),
  drop: assigning(({ context }) => ({ bag: Object.fromEntries(Object.entries(context.bag).slice(1)) })),
  first: assigning(({ context }) => ({ n: Number(Object.values(context.bag)[0] ?? 0) })),
  tell: emitting(({ context, event }) => ({ type: 'told', n: context.n, of: event.type })),
  ask: emitting(({ context }) => ({ type: 'asked', bag: context.bag })),
  'ring again': enqueueActions(({ enqueue }) => {
    enqueue.cancel('bell')
    enqueue.raise({ type: 'go' }, { delay: 30, id: 'bell' })
  }),
  hush: cancel('bell'),
}

const raises: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(EVENTS.map(type => [`raise ${type}`, raising({ type })])),
  ...Object.fromEntries(
    EVENTS.flatMap(type =>
      DELAYS_MS.map(delay => [`raise ${type} in ${delay}`, raising({ type }, { delay })]),
    ),
  ),
}

const guards: Readonly<Record<string, (given: Given) => boolean>> = {
  isOdd: ({ context }) => context.n % 2 === 1,
  isEven: ({ context }) => context.n % 2 === 0,
  isSmall: ({ context }) => context.n < 3,
  isMarked: ({ context }) => Object.keys(context.bag)[0] === 'z',
}

const actions = { ...simple, ...raises }

/** Raises are fewer: a machine that raises in every state seldom comes to rest. */
export const actionNames = [
  ...Object.keys(simple),
  ...Object.keys(simple),
  ...Object.keys(simple),
  ...Object.keys(raises),
]
export const guardNames = Object.keys(guards)

/** Of `after`: computed when the state is entered. */
const delays: Readonly<Record<string, (given: Given) => number>> = {
  wait: ({ context }) => 10 + 5 * context.n,
}

export const delayNames = Object.keys(delays)

export const machineOf = (config: Json): AnyStateMachine =>
  createMachine(config as never, { actions, guards, delays } as never) as AnyStateMachine
