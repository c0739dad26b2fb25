/* Actions: what runs, in which order, and what each kind leaves behind. */
import { assign, createMachine, enqueueActions, log, raise, sendTo, setup } from 'xstate'
import type { Chapter } from '../harness/row.js'
import { emitting, go, raising, say } from './words.js'

export const actions: Chapter = {
  title: 'Actions',
  rows: [
    {
      feature: 'exit, transition and entry actions, in this order',
      machine: () =>
        createMachine({
          initial: 'a',
          states: {
            a: { entry: say('a.in'), exit: say('a.out'), on: { go: { target: 'b', actions: say('going') } } },
            b: { entry: [say('b.in'), say('b.in.2')], exit: say('b.out'), on: { go: 'a' } },
          },
        }),
      steps: [go, go],
      verdict: 'same',
    },
    {
      feature: 'entry and exit of nested states, outside in and inside out',
      machine: () =>
        createMachine({
          initial: 'a',
          states: {
            a: {
              id: 'first',
              entry: say('a.in'),
              exit: say('a.out'),
              initial: 'a1',
              states: { a1: { entry: say('a1.in'), exit: say('a1.out'), on: { go: '#b2' } } },
            },
            b: {
              entry: say('b.in'),
              exit: say('b.out'),
              initial: 'b1',
              states: {
                b1: { entry: say('b1.in') },
                b2: { id: 'b2', entry: say('b2.in'), on: { go: '#first' } },
              },
            },
          },
          on: { home: '.a' },
        }),
      steps: [go, { type: 'home' }],
      verdict: 'same',
    },
    {
      feature: 'actions on an initial transition',
      machine: () =>
        createMachine({
          context: { count: 0 },
          initial: { target: 'a', actions: [assign({ count: 5 }), say('initial')] },
          states: { a: { on: { go: { actions: say('gone') } } } },
        }),
      steps: [go],
      verdict: 'same',
    },
    {
      feature: '`assign` of properties, from values and functions',
      machine: () =>
        createMachine({
          context: { count: 1, name: 'x', kept: true },
          on: {
            add: { actions: assign({ count: ({ context, event }) => context.count + event.by, name: 'y' }) },
          },
        }),
      steps: [
        { type: 'add', by: 2 },
        { type: 'add', by: 5 },
      ],
      verdict: 'same',
    },
    {
      feature: '`assign` of a function that gives several properties',
      machine: () =>
        createMachine({
          context: { count: 1, log: [] as number[] },
          on: {
            go: {
              actions: assign(({ context }) => ({
                count: context.count * 2,
                log: [...context.log, context.count],
              })),
            },
          },
        }),
      steps: [go, go, go],
      verdict: 'same',
    },
    {
      feature: '`assign` that adds a property',
      machine: () =>
        createMachine({
          context: {},
          on: { set: { actions: assign(({ event }) => ({ [event.key]: event.value })) } },
        }),
      steps: [
        { type: 'set', key: 'zoe', value: 5 },
        { type: 'set', key: 'amy', value: { deep: [1, null, 'x'] } },
      ],
      verdict: 'same',
    },
    {
      feature: 'named actions with params, static and computed',
      machine: () =>
        setup({
          actions: {
            add: assign({
              sum: ({ context }, params: { by: number }) => (context as { sum: number }).sum + params.by,
            }),
          },
        }).createMachine({
          context: { sum: 0 },
          on: {
            go: {
              actions: [
                { type: 'add', params: { by: 2 } },
                { type: 'add', params: ({ event }) => ({ by: (event as unknown as { by: number }).by }) },
              ],
            },
          },
        }),
      steps: [{ type: 'go', by: 40 }],
      verdict: 'same',
    },
    {
      feature: '`enqueueActions` with `check`, `assign`, `raise` and `emit`',
      machine: () =>
        createMachine({
          context: { count: 0 },
          initial: 'a',
          states: {
            a: {
              on: {
                go: {
                  actions: enqueueActions(({ enqueue, check, context }) => {
                    enqueue.assign({ count: context.count + 1 })
                    enqueue.emit({ type: 'counted' })
                    if (check(({ context: now }) => now.count > 1)) enqueue.raise({ type: 'leave' })
                  }),
                },
                leave: 'b',
              },
            },
            b: {},
          },
        }),
      steps: [go, go, go],
      verdict: 'same',
    },
    {
      feature: '`enqueueActions` with a delayed raise and `cancel`',
      machine: () =>
        createMachine({
          initial: 'a',
          states: {
            a: {
              on: {
                arm: {
                  actions: enqueueActions(({ enqueue }) => {
                    enqueue.raise({ type: 'ring' }, { delay: 100, id: 'bell' })
                  }),
                },
                stop: { actions: enqueueActions(({ enqueue }) => enqueue.cancel('bell')) },
                ring: { target: 'b', actions: say('rung') },
              },
            },
            b: { on: { back: 'a' } },
          },
        }),
      steps: [{ type: 'arm' }, { type: 'stop' }, 200, { type: 'arm' }, 200],
      verdict: 'same',
    },
    {
      feature: '`raise`, immediate: handled in the same transition, in order',
      machine: () =>
        createMachine({
          initial: 'a',
          states: {
            a: {
              on: {
                go: { actions: [raise({ type: 'one' }), say('first'), raising({ type: 'two', n: 2 })] },
                one: { actions: say('one') },
                two: { target: 'b', actions: emitting(({ event }) => ({ type: 'two', n: event.n })) },
              },
            },
            b: {},
          },
        }),
      steps: [go],
      verdict: 'same',
    },
    {
      feature: '`emit` with a payload and an `audience`',
      machine: () =>
        createMachine({
          on: {
            go: {
              actions: emitting(({ event }) => ({
                type: 'told',
                audience: ['ann', 'bob'],
                who: event.who,
                zeta: 1,
                alpha: 2,
              })),
            },
          },
        }),
      steps: [{ type: 'go', who: 'x' }],
      verdict: 'same',
    },
    {
      feature: '`emit` at the start',
      machine: () =>
        createMachine({
          entry: [say('root'), say('root.2')],
          initial: 'a',
          states: { a: { entry: say('a') } },
        }),
      steps: [],
      verdict: 'same',
    },
    {
      feature: '`log`',
      machine: () => createMachine({ on: { go: { actions: log('gone') } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the action "xstate.log" would be lost' },
    },
    {
      feature: 'an action of your own, inline',
      machine: () => createMachine({ on: { go: { actions: function charge() {} } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the action "charge" would be lost' },
    },
    {
      feature: 'an action of your own, named',
      machine: () =>
        setup({ actions: { charge: () => {} } }).createMachine({ on: { go: { actions: 'charge' } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the action "charge" would be lost' },
    },
    {
      feature: 'an action that is not implemented',
      machine: () => createMachine({ on: { go: { actions: 'charge' } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the action "charge" is not implemented' },
    },
    {
      feature: 'an action of your own inside `enqueueActions`',
      machine: () =>
        createMachine({
          on: {
            go: { actions: enqueueActions(({ enqueue }) => enqueue(function charge() {})) },
            ok: { actions: say('ok') },
          },
        }),
      steps: [{ type: 'ok' }, go, { type: 'ok' }],
      verdict: { refused: 'event', says: 'the action "charge" would be lost' },
    },
    {
      feature: '`log` inside `enqueueActions`',
      machine: () =>
        createMachine({
          on: {
            go: { actions: enqueueActions(({ enqueue }) => enqueue(log('x'))) },
            ok: { actions: say('ok') },
          },
        }),
      steps: [{ type: 'ok' }, go, { type: 'ok' }],
      verdict: { refused: 'event', says: 'the action "xstate.log" would be lost' },
    },
    {
      feature: 'an assign that throws',
      machine: () =>
        createMachine({
          context: { count: 0 },
          on: {
            ok: { actions: assign({ count: ({ context }) => context.count + 1 }) },
            go: {
              actions: assign(() => {
                throw new Error('no such load')
              }),
            },
          },
        }),
      steps: [{ type: 'ok' }, go, { type: 'ok' }],
      verdict: { refused: 'event', says: 'no such load' },
    },
    {
      feature: '`self.send` inside an assign',
      machine: () =>
        createMachine({
          context: { count: 0 },
          on: {
            go: {
              actions: assign(({ context, self }) => {
                self.send({ type: 'more' })
                return { count: context.count + 1 }
              }),
            },
            more: { actions: assign({ count: ({ context }) => context.count + 100 }) },
          },
        }),
      steps: [go],
      verdict: { refused: 'event', says: 'self.send() is called' },
    },
    {
      feature: '`sendTo` itself',
      machine: () => createMachine({ on: { go: { actions: sendTo(({ self }) => self, { type: 'more' }) } } }),
      steps: [go],
      verdict: { refused: 'registration', says: 'the action "xstate.sendTo" would be lost' },
    },
  ],
}
