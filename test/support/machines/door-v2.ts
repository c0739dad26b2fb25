/*
 * The next version of the door. A closed door may be locked, and a bell in a region of its own rings after a while without
 * a visitor. States have moved, decisions have changed, and a timer is new, so a migration has to handle all of these.
 */
import { assign, emit, setup } from 'xstate'
import { z } from 'zod'
import { type Definition, migrateFrom, type StoredState } from '../../../src/runtime/definition.js'
import { doorDefinition } from './door.js'

interface Context {
  owner: string
  closeMs: number
  /** Only a count now, no longer a list. */
  passages: number
  keyHolder: string | null
}

type DoorEvent =
  | { type: 'open'; who: string; at: number; uid: string }
  | { type: 'close' | 'return.key' | 'brick.up' | 'lock'; at: number; uid: string }
  | { type: 'take.key'; who: string; at: number; uid: string }

export const BELL_MS = 700

export const doorV2Machine = setup({
  types: {
    context: {} as Context,
    input: {} as { owner: string; closeMs: number; at: number; uid: string },
    events: {} as DoorEvent,
    emitted: {} as { type: string; audience: string[] } & Record<string, unknown>,
  },
  delays: { closing: ({ context }) => context.closeMs, bell: BELL_MS },
}).createMachine({
  id: 'door',
  context: ({ input }) => ({ owner: input.owner, closeMs: input.closeMs, passages: 0, keyHolder: null }),
  type: 'parallel',
  states: {
    leaf: {
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
          initial: 'unlocked',
          states: { unlocked: { on: { open: '#door.leaf.open', lock: 'locked' } }, locked: {} },
        },
        open: {
          entry: assign({ passages: ({ context }) => context.passages + 1 }),
          on: { close: 'closed' },
          after: { closing: 'closed' },
        },
        bricked: { on: { 'take.key': {}, 'return.key': {}, 'brick.up': {} } },
      },
    },
    bell: {
      initial: 'silent',
      states: { silent: { after: { bell: 'rung' } }, rung: {} },
    },
  },
})

type Stored = StoredState<typeof doorV2Machine>
type Leaf = Stored['value']['leaf']

const leafOf: Readonly<Record<string, Leaf>> = {
  closed: { closed: 'unlocked' },
  open: 'open',
  bricked: 'bricked',
}

export const doorV2Definition: Definition<typeof doorV2Machine> = {
  name: 'door',
  version: 2,
  machine: doorV2Machine,
  migrations: [
    migrateFrom(doorDefinition, ({ value, context }): Stored => {
      const leaf = leafOf[String(value)]
      if (leaf === undefined) throw new Error(`no leaf for ${value}`)
      return {
        value: { leaf, bell: 'silent' },
        context: { ...context, passages: context.passages.length },
      }
    }),
  ],
  input: doorDefinition.input,
  commands: { ...doorDefinition.commands, lock: z.strictObject({ type: z.literal('lock') }) },
  status: ({ value }) => (typeof value.leaf === 'string' ? value.leaf : 'closed'),
  owner: snapshot => snapshot.context.owner,
  claims: ({ context }) => (context.keyHolder === null ? [] : [`key:${context.keyHolder}`]),
  refuse: (snapshot, event) => {
    if (snapshot.matches({ leaf: 'bricked' })) return { reason: 'BRICKED' }
    if (event.type === 'close' || event.type === 'lock') return undefined
    if (event.type !== 'open') return { reason: 'KEY_NOT_THERE' }
    return { reason: snapshot.matches({ leaf: 'open' }) ? 'ALREADY_OPEN' : 'LOCKED' }
  },
  refusePermanently: (snapshot, type) =>
    snapshot.matches({ leaf: 'bricked' }) && type === 'open' ? { reason: 'BRICKED' } : undefined,
  refuseClaim: (key, holder) => ({ reason: 'HAS_ANOTHER_KEY', key, holder }),
  urgent: ['brick.up'],
  projections: [],
}
