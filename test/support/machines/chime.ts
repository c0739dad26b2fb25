/* A machine that arms bells on command, and records the order in which they ring. */
import { assign, cancel, emit, enqueueActions, raise, setup } from 'xstate'
import { z } from 'zod'
import type { Definition } from '../../../src/runtime/definition.js'

/** A bell that rings may arm others: `next`. */
export interface Bell {
  readonly name: string
  readonly delayMs: number
  readonly next?: readonly Bell[]
}

type ChimeEvent =
  | { type: 'arm'; bells: readonly Bell[] }
  | { type: 'disarm'; name: string }
  | { type: 'ring'; bell: Bell }

export const chimeMachine = setup({
  types: {
    context: {} as { rung: string[] },
    events: {} as ChimeEvent,
    emitted: {} as { type: string } & Record<string, unknown>,
  },
  actions: {
    arm: enqueueActions(({ enqueue }, { bells }: { bells: readonly Bell[] }) => {
      for (const bell of bells) {
        // An `after` cancels before it arms, and so does this machine if a bell is armed again.
        enqueue(cancel(bell.name))
        enqueue(raise({ type: 'ring', bell } as ChimeEvent, { id: bell.name, delay: bell.delayMs }))
      }
    }),
  },
}).createMachine({
  id: 'chime',
  context: { rung: [] },
  on: {
    arm: { actions: { type: 'arm', params: ({ event }) => event } },
    disarm: { actions: cancel(({ event }) => event.name) },
    ring: {
      actions: [
        assign({ rung: ({ context, event }) => [...context.rung, event.bell.name] }),
        emit(({ event }) => ({ type: 'rung', name: event.bell.name })),
        { type: 'arm', params: ({ event }) => ({ bells: event.bell.next ?? [] }) },
      ],
    },
  },
})

const bell: z.ZodType<Bell> = z.lazy(() =>
  z.strictObject({ name: z.string(), delayMs: z.number(), next: z.array(bell).readonly().optional() }),
) as z.ZodType<Bell>

export const chimeDefinition = {
  name: 'chime',
  version: 1,
  machine: chimeMachine,
  input: z.strictObject({}),
  commands: {
    arm: z.strictObject({ type: z.literal('arm'), bells: z.array(bell) }),
    disarm: z.strictObject({ type: z.literal('disarm'), name: z.string() }),
  },
  status: () => 'ringing',
  owner: () => 'ann',
  claims: () => [],
  refuse: () => undefined,
  refusePermanently: () => undefined,
  refuseClaim: () => ({ reason: 'NEVER' }),
  urgent: [],
  projections: [],
} as unknown as Definition
