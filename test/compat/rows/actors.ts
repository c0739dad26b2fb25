/* Actors: none is run yet; each way to start one, or to speak to one, is refused. */
import {
  assign,
  createMachine,
  enqueueActions,
  forwardTo,
  fromPromise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate'
import type { Chapter } from '../harness/row.js'
import { assigning, born, go, note } from './words.js'

const quote = fromPromise(async () => 5)
const child = createMachine({ id: 'child' })
const ok = { type: 'ok' }

export const actors: Chapter = {
  title: 'Actors',
  rows: [
    {
      feature: '`invoke` of a named promise actor',
      machine: () => setup({ actors: { quote } }).createMachine({ invoke: { src: 'quote', id: 'q' } }),
      steps: [],
      verdict: { refused: 'registration', says: 'invoked actors cannot be made durable' },
    },
    {
      feature: '`invoke` of an inline promise actor',
      machine: () => createMachine({ invoke: { src: quote } }),
      steps: [],
      verdict: { refused: 'registration', says: 'invoked actors cannot be made durable' },
    },
    {
      feature: '`invoke` of a machine',
      machine: () =>
        createMachine({ initial: 'a', states: { a: { invoke: { src: child, onDone: 'b' } }, b: {} } }),
      steps: [],
      verdict: { refused: 'registration', says: 'invoked actors cannot be made durable' },
    },
    {
      feature: '`spawnChild`',
      machine: () => createMachine({ on: { go: { actions: spawnChild(child, { id: 'c' }) } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the action "xstate.spawnChild" would be lost' },
    },
    {
      feature: '`spawnChild` inside `enqueueActions`',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: enqueueActions(({ enqueue }) => enqueue.spawnChild(child, { id: 'c' })) },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'spawned actors cannot be made durable' },
    },
    {
      feature: '`spawn` inside `assign`, inline',
      machine: () =>
        createMachine({
          context: { ref: null as unknown, log: '' },
          on: {
            go: { actions: assign({ ref: ({ spawn }) => spawn(child, { id: 'c' }) }) },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'spawned actors cannot be made durable' },
    },
    {
      feature: '`spawn` inside `assign`, named',
      machine: () =>
        setup({ actors: { child } }).createMachine({
          context: { ref: null as unknown, log: '' },
          on: {
            go: { actions: assign({ ref: ({ spawn }) => spawn('child', { id: 'c' }) }) },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'spawned actors cannot be made durable' },
    },
    {
      feature: '`spawn` inside `assign`, its reference thrown away',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: {
              actions: assign(({ spawn }) => {
                spawn(child)
                return {}
              }),
            },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'spawned actors cannot be made durable' },
    },
    {
      feature: '`spawn` inside the context factory',
      machine: () =>
        createMachine({ context: born(({ spawn }) => ({ ref: spawn(child, { id: 'c' }) })), on: { go: {} } }),
      steps: [go],
      verdict: { refused: 'start', says: 'spawned actors cannot be made durable' },
    },
    {
      feature: '`self` kept in the context',
      machine: () =>
        createMachine({
          context: { me: null as unknown, log: '' },
          on: {
            go: { actions: assigning(given => ({ me: (given as unknown as { self: unknown }).self })) },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'context.me is a reference to an actor' },
    },
    {
      feature: '`sendTo`',
      machine: () => createMachine({ on: { go: { actions: sendTo('c', { type: 'x' }) } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the action "xstate.sendTo" would be lost' },
    },
    {
      feature: '`sendParent`',
      machine: () => createMachine({ on: { go: { actions: sendParent({ type: 'x' }) } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the action "xstate.sendTo" would be lost' },
    },
    {
      feature: '`forwardTo`',
      machine: () => createMachine({ on: { go: { actions: forwardTo('c') } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the action "xstate.sendTo" would be lost' },
    },
    {
      feature: '`stopChild`',
      machine: () => createMachine({ on: { go: { actions: stopChild('c') } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the action "xstate.stopChild" would be lost' },
    },
    {
      feature: '`sendTo` inside `enqueueActions`',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: enqueueActions(({ enqueue }) => enqueue.sendTo('c', { type: 'x' })) },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: "Unable to send event to actor 'c'" },
    },
    {
      feature: '`sendTo` itself, inside `enqueueActions`',
      machine: () =>
        createMachine({
          context: { log: '' },
          on: {
            go: { actions: enqueueActions(({ enqueue, self }) => enqueue.sendTo(self, { type: 'ok' })) },
            ok: { actions: note('k') },
          },
        }),
      steps: [ok, go, ok],
      verdict: { refused: 'event', says: 'xstate.sendTo' },
    },
  ],
}
