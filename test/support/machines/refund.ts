/*
 * A machine that decides by the order of keys. Its parallel regions leave in different directions on the same event, and the
 * best bid is the first lowest one. A store that sorts keys, by name or by length, changes its decisions: the names of its
 * regions and bidders are chosen for that.
 */
import { assign, emit, setup } from 'xstate'
import { z } from 'zod'
import type { Definition } from '../../../src/runtime/definition.js'

interface RefundContext {
  bids: Record<string, number>
  winner: string | null
  steps: string[]
}

type RefundEvent =
  | { type: 'bid'; bids: Record<string, number>; at: number; uid: string }
  | { type: 'award'; at: number; uid: string }
  | { type: 'note'; at: number; uid: string }
  | { type: 'T'; at: number; uid: string }

const firstLowest = (bids: Record<string, number>): string | null =>
  Object.entries(bids).reduce<[string | null, number]>(
    (best, [name, price]) => (price < best[1] ? [name, price] : best),
    [null, Number.POSITIVE_INFINITY],
  )[0]

const refundSetup = setup({
  types: {
    context: {} as RefundContext,
    input: {} as { bids: Record<string, number>; at: number; uid: string },
    events: {} as RefundEvent,
    emitted: {} as { type: string } & Record<string, unknown>,
  },
})

const noting = (region: string) => [
  refundSetup.assign({ steps: ({ context }) => [...context.steps, region] }),
  refundSetup.emit({ type: 'noted', region }),
]

export const refundMachine = refundSetup.createMachine({
  id: 'refund',
  context: ({ input }) => ({ bids: input.bids, winner: null, steps: [] }),
  initial: 'open',
  states: {
    open: {
      type: 'parallel',
      on: {
        bid: { actions: assign({ bids: ({ context, event }) => ({ ...context.bids, ...event.bids }) }) },
        award: {
          actions: [
            assign({ winner: ({ context }) => firstLowest(context.bids) }),
            emit(({ context }) => ({ type: 'awarded', winner: context.winner, bids: context.bids })),
          ],
        },
      },
      states: {
        payment: {
          initial: 'waiting',
          states: { waiting: { on: { note: { actions: noting('payment') }, T: '#refund.refunded' } } },
        },
        ship: {
          initial: 'waiting',
          states: { waiting: { on: { note: { actions: noting('ship') }, T: '#refund.shipped' } } },
        },
        aid: { initial: 'none', states: { none: { on: { note: { actions: noting('aid') } } } } },
      },
    },
    refunded: {},
    shipped: {},
  },
})

const bids = z.record(z.string(), z.number())

export const refundDefinition: Definition<typeof refundMachine> = {
  name: 'refund',
  version: 1,
  machine: refundMachine,
  input: z.strictObject({ bids }),
  commands: {
    bid: z.strictObject({ type: z.literal('bid'), bids }),
    award: z.strictObject({ type: z.literal('award') }),
    note: z.strictObject({ type: z.literal('note') }),
    T: z.strictObject({ type: z.literal('T') }),
  },
  status: ({ value }) => (typeof value === 'string' ? value : 'open'),
  owner: () => 'ann',
  claims: () => [],
  refuse: () => undefined,
  refusePermanently: () => undefined,
  refuseClaim: (key, holder) => ({ reason: 'HELD', key, holder }),
  urgent: [],
  projections: [],
}
