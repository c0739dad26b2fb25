/* A machine whose timers can fail in every way in which a transition can, until it is repaired. */
import { assign, enqueueActions, raise, setup } from 'xstate'
import { z } from 'zod'
import { type Definition, migrateFrom } from '../../../src/runtime/definition.js'

export const FAULTS = ['guard', 'assign', 'delay', 'unstorable', 'claims', 'status', 'row'] as const
export type Fault = (typeof FAULTS)[number]

export interface Fuse {
  readonly name: string
  readonly delayMs: number
  readonly fault?: Fault
}

interface FuseContext {
  /** Makes the ids of the projection's rows unique to this instance. */
  readonly uid: string
  readonly burnt: readonly string[]
  readonly isMended: boolean
  /** The effect of the last fuse on everything that reads the snapshot. */
  readonly fault: Fault | null
}

type FuseEvent =
  | { type: 'lay'; fuses: readonly Fuse[] }
  | { type: 'burn'; fuse: Fuse }
  | { type: 'mend' }
  | { type: 'leave' }
  | { type: 'enter' }

/** Longer than any test, so this `after` fires only if a test makes it due. */
export const WATCH_MS = 3_600_000
export const WATCH = `xstate.after.${WATCH_MS}.fuse.lit`

function failIf(isFailing: boolean, what: string): void {
  if (isFailing) throw new TypeError(`The ${what} has burnt through`)
}

const fuseSetup = setup({
  types: { context: {} as FuseContext, events: {} as FuseEvent, input: {} as { uid: string } },
  delays: { next: ({ context }) => (context.fault === 'delay' ? Number.NaN : WATCH_MS) },
  actions: {
    lay: enqueueActions(({ enqueue }, { fuses }: { fuses: readonly Fuse[] }) => {
      for (const fuse of fuses) {
        enqueue(raise({ type: 'burn', fuse } as FuseEvent, { id: fuse.name, delay: fuse.delayMs }))
      }
    }),
  },
})

export const fuseMachine = fuseSetup.createMachine({
  id: 'fuse',
  context: ({ input }) => ({ uid: input.uid, burnt: [], isMended: false, fault: null }),
  initial: 'lit',
  states: {
    lit: {
      on: {
        leave: 'dark',
        lay: { actions: { type: 'lay', params: ({ event }) => event } },
        mend: { actions: assign({ isMended: true }) },
        burn: {
          guard: ({ context, event }) => {
            failIf(event.fuse.fault === 'guard' && !context.isMended, 'guard')
            return true
          },
          actions: [
            assign({
              burnt: ({ context, event: { fuse } }) => {
                failIf(fuse.fault === 'assign' && !context.isMended, 'assign')
                const isPoison = fuse.fault === 'unstorable' && !context.isMended
                return [...context.burnt, isPoison ? `${fuse.name}\u0000` : fuse.name]
              },
              fault: ({ context, event: { fuse } }) => (context.isMended ? null : (fuse.fault ?? null)),
            }),
            raise({ type: 'mend' }, { delay: 'next', id: 'next' }),
          ],
        },
      },
      after: {
        [WATCH_MS]: {
          target: 'dark',
          guard: ({ context }) => {
            failIf(!context.isMended, 'watch')
            return true
          },
        },
      },
    },
    dark: { on: { enter: 'lit' } },
  },
})

const fuse = z.strictObject({ name: z.string(), delayMs: z.number(), fault: z.enum(FAULTS).optional() })

const faultOf = (snapshot: { context: FuseContext }) => snapshot.context.fault

export const fuseDefinition = {
  name: 'fuse',
  version: 1,
  machine: fuseMachine,
  input: z.strictObject({}),
  commands: {
    lay: z.strictObject({ type: z.literal('lay'), fuses: z.array(fuse) }),
    mend: z.strictObject({ type: z.literal('mend') }),
    leave: z.strictObject({ type: z.literal('leave') }),
    enter: z.strictObject({ type: z.literal('enter') }),
  },
  status: (snapshot: { value: unknown; context: FuseContext }) => {
    failIf(faultOf(snapshot) === 'status', 'status')
    return String(snapshot.value)
  },
  owner: () => 'ann',
  claims: (snapshot: { context: FuseContext }) => {
    failIf(faultOf(snapshot) === 'claims', 'claims')
    return []
  },
  refuse: () => undefined,
  refusePermanently: () => undefined,
  refuseClaim: () => ({ reason: 'NEVER' }),
  urgent: [],
  projections: [
    {
      table: 'fuses',
      columns: { id: 'text', note: 'text' },
      rows: (snapshot: { context: FuseContext }) => {
        const { uid, burnt, fault } = snapshot.context
        // `note` must not be null, so this row fails.
        return burnt.map(name => ({ id: `${uid} ${name}`, note: fault === 'row' ? null : 'burnt' }))
      },
    },
  ],
} as unknown as Definition

/** The table of the projection. It belongs to the test, not to the schema. */
export const FUSES_TABLE = `
create table fuses (id text, instance uuid not null, version int not null, note text not null, primary key (id))`

const { config } = fuseMachine
const { after: _, ...litWithoutWatch } = config.states?.lit ?? {}

/** The next version has no watch any more. */
export const fuseV2Definition = {
  ...fuseDefinition,
  version: 2,
  machine: fuseSetup.createMachine({
    ...config,
    states: { ...config.states, lit: litWithoutWatch },
  } as unknown as Parameters<typeof fuseSetup.createMachine>[0]),
  migrations: [migrateFrom(fuseDefinition, ({ value, context }) => ({ value, context }))],
} as unknown as Definition
