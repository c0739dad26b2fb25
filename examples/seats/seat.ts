/*
 * A seat in a theatre. A visitor holds it for a while and buys it, or the hold runs out. The machine contains nothing of
 * Loadcast. The definition below it says what is needed to store it.
 */
import type { Definition } from 'loadcast/runtime'
import { assign, emit, setup } from 'xstate'
import { z } from 'zod'

interface SeatContext {
  show: string
  holdMs: number
  holder: string | null
}

type SeatEvent =
  | { type: 'hold'; who: string; at: number; uid: string }
  | { type: 'release'; who: string; at: number; uid: string }
  | { type: 'buy'; who: string; at: number; uid: string }

export const seatMachine = setup({
  types: {
    context: {} as SeatContext,
    input: {} as { show: string; holdMs: number; at: number; uid: string },
    events: {} as SeatEvent,
    emitted: {} as { type: 'seat.sold'; audience: string[] },
  },
  delays: { hold: ({ context }) => context.holdMs },
  guards: {
    isHolder: ({ context, event }) => 'who' in event && event.who === context.holder,
  },
}).createMachine({
  id: 'seat',
  context: ({ input }) => ({ show: input.show, holdMs: input.holdMs, holder: null }),
  initial: 'free',
  states: {
    free: {
      entry: assign({ holder: null }),
      on: { hold: { target: 'held', actions: assign({ holder: ({ event }) => event.who }) } },
    },
    held: {
      after: { hold: 'free' },
      on: {
        release: { guard: 'isHolder', target: 'free' },
        buy: { guard: 'isHolder', target: 'sold' },
      },
    },
    sold: {
      entry: emit(({ context }) => ({ type: 'seat.sold', audience: [String(context.holder)] })),
    },
  },
})

const who = z.string()

export const seatDefinition: Definition<typeof seatMachine> = {
  name: 'seat',
  version: 1,
  machine: seatMachine,
  input: z.strictObject({ show: z.string(), holdMs: z.number() }),
  commands: {
    hold: z.strictObject({ type: z.literal('hold'), who }),
    release: z.strictObject({ type: z.literal('release'), who }),
    buy: z.strictObject({ type: z.literal('buy'), who }),
  },
  status: snapshot => String(snapshot.value),
  owner: snapshot => snapshot.context.show,
  // A visitor holds at most one seat of a show.
  claims: ({ value, context }) => (value === 'held' ? [`${context.show}:${context.holder}`] : []),
  refuse: (snapshot, event) => {
    if (snapshot.value === 'sold') return { reason: 'SOLD' }
    if (event.type === 'hold') return { reason: 'HELD_BY_ANOTHER' }
    return { reason: 'NOT_YOURS' }
  },
  refusePermanently: snapshot => (snapshot.value === 'sold' ? { reason: 'SOLD' } : undefined),
  refuseClaim: () => ({ reason: 'HOLDS_ANOTHER_SEAT' }),
  urgent: [],
  projections: [],
}
