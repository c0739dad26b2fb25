/* A machine driven by two timers, one inside the other's state. */
import { emit, setup } from 'xstate'
import { z } from 'zod'
import type { Definition } from '../../../src/runtime/definition.js'

export const trafficLightMachine = setup({
  types: {
    context: {} as { greenMs: number; yellowMs: number; shiftMs: number },
    input: {} as { greenMs: number; yellowMs: number; shiftMs: number; at: number; uid: string },
    events: {} as
      | { type: 'push.button'; at: number; uid: string }
      | { type: 'switch.off'; at: number; uid: string },
    emitted: {} as { type: string; colour?: string },
  },
  delays: {
    green: ({ context }) => context.greenMs,
    yellow: ({ context }) => context.yellowMs,
    shift: ({ context }) => context.shiftMs,
  },
}).createMachine({
  id: 'light',
  context: ({ input }) => ({ greenMs: input.greenMs, yellowMs: input.yellowMs, shiftMs: input.shiftMs }),
  initial: 'on',
  states: {
    on: {
      initial: 'green',
      after: { shift: 'off' },
      on: { 'switch.off': 'off' },
      states: {
        green: {
          entry: emit({ type: 'light', colour: 'green' }),
          after: { green: 'yellow' },
          on: { 'push.button': { target: 'green', reenter: true } },
        },
        yellow: { entry: emit({ type: 'light', colour: 'yellow' }), after: { yellow: 'green' } },
      },
    },
    off: { entry: emit({ type: 'light', colour: 'none' }) },
  },
})

export const trafficLightDefinition: Definition<typeof trafficLightMachine> = {
  name: 'light',
  version: 1,
  machine: trafficLightMachine,
  input: z.strictObject({ greenMs: z.number(), yellowMs: z.number(), shiftMs: z.number() }),
  commands: {
    'push.button': z.strictObject({ type: z.literal('push.button') }),
    'switch.off': z.strictObject({ type: z.literal('switch.off') }),
  },
  status: snapshot => (typeof snapshot.value === 'string' ? snapshot.value : 'on'),
  owner: () => 'town',
  claims: () => [],
  refuse: () => undefined,
  refusePermanently: () => undefined,
  refuseClaim: key => ({ reason: 'TAKEN', key }),
  urgent: [],
  projections: [],
}
