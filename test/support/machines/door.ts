/* A machine that has nothing to do with trucks: a door with a key, which closes by itself. */
import { assign, emit, setup } from 'xstate'
import { z } from 'zod'
import type { Definition } from '../../../src/runtime/definition.js'

interface DoorContext {
  owner: string
  closeMs: number
  passages: { id: string; who: string }[]
  keyHolder: string | null
}

type DoorEvent =
  | { type: 'open'; who: string; at: number; uid: string }
  | { type: 'close'; at: number; uid: string }
  | { type: 'take.key'; who: string; at: number; uid: string }
  | { type: 'return.key'; at: number; uid: string }
  | { type: 'brick.up'; at: number; uid: string }

export const doorMachine = setup({
  types: {
    context: {} as DoorContext,
    input: {} as { owner: string; closeMs: number; at: number; uid: string },
    events: {} as DoorEvent,
    emitted: {} as { type: string; audience: string[] } & Record<string, unknown>,
  },
  delays: { closing: ({ context }) => context.closeMs },
}).createMachine({
  id: 'door',
  context: ({ input }) => ({ owner: input.owner, closeMs: input.closeMs, passages: [], keyHolder: null }),
  initial: 'closed',
  on: {
    'take.key': {
      guard: ({ context }) => context.keyHolder === null,
      actions: assign({ keyHolder: ({ event }) => event.who }),
    },
    'return.key': {
      guard: ({ context }) => context.keyHolder !== null,
      actions: assign({ keyHolder: null }),
    },
    'brick.up': '.bricked',
  },
  states: {
    closed: {
      entry: emit(({ context }) => ({ type: 'door.closed', audience: [context.owner] })),
      on: {
        open: {
          target: 'open',
          actions: [
            assign({
              passages: ({ context, event }) => [...context.passages, { id: event.uid, who: event.who }],
            }),
            emit(({ event, context }) => ({
              type: 'door.opened',
              audience: [context.owner, event.who],
              who: event.who,
            })),
          ],
        },
      },
    },
    open: { on: { close: 'closed' }, after: { closing: 'closed' } },
    bricked: { on: { 'take.key': {}, 'return.key': {}, 'brick.up': {} } },
  },
})

const who = z.string()

export const doorDefinition: Definition<typeof doorMachine> = {
  name: 'door',
  version: 1,
  machine: doorMachine,
  input: z.strictObject({ owner: z.string(), closeMs: z.number() }),
  commands: {
    open: z.strictObject({ type: z.literal('open'), who }),
    close: z.strictObject({ type: z.literal('close') }),
    'take.key': z.strictObject({ type: z.literal('take.key'), who }),
    'return.key': z.strictObject({ type: z.literal('return.key') }),
    'brick.up': z.strictObject({ type: z.literal('brick.up') }),
  },
  status: snapshot => String(snapshot.value),
  owner: snapshot => snapshot.context.owner,
  claims: ({ context }) => (context.keyHolder === null ? [] : [`key:${context.keyHolder}`]),
  refuse: (snapshot, event) => {
    if (snapshot.matches('bricked')) return { reason: 'BRICKED' }
    if (event.type === 'close') return undefined
    return { reason: event.type === 'open' ? 'ALREADY_OPEN' : 'KEY_NOT_THERE' }
  },
  refusePermanently: (snapshot, type) =>
    snapshot.matches('bricked') && type === 'open' ? { reason: 'BRICKED' } : undefined,
  refuseClaim: (key, holder) => ({ reason: 'HAS_ANOTHER_KEY', key, holder }),
  urgent: ['brick.up'],
  projections: [],
}
