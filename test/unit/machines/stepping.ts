/*
 * Steps through the broadcast machine by pure transitions, as the runtime does, for tests.
 */
import { initialTransition, transition } from 'xstate'
import {
  type BroadcastEmitted,
  type BroadcastEvent,
  type BroadcastInput,
  type BroadcastSnapshot,
  broadcastMachine,
} from '../../../src/machines/index.js'

export const CREATED_AT = Date.UTC(2026, 0, 1)
export const TIMEOUT_MS = 120_000

/** A UUIDv7 in form, the same for the same number. */
export const uuid = (n: number) => `0197c000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`

export const broadcastInputOf = (overrides: Partial<BroadcastInput> = {}): BroadcastInput => ({
  customerId: 'customer-1',
  kind: 'order',
  pickup: { lat: 12.97, lng: 77.59 },
  drop: { lat: 13.08, lng: 80.27 },
  trucks: [{ vehicleType: 'tata_ace', count: 3 }],
  timeoutMs: TIMEOUT_MS,
  reachStepMs: 15_000,
  reachStepsKm: [10, 25, 50, 75],
  cancelWindowMs: 300_000,
  ...overrides,
})

export interface Stepped {
  readonly snapshot: BroadcastSnapshot
  readonly emitted: readonly BroadcastEmitted[]
  readonly actions: readonly { readonly type: string; readonly params?: unknown }[]
}

export type Action = Stepped['actions'][number]

const emittedBy = (actions: readonly Action[]) =>
  actions
    .filter(action => action.type === 'xstate.emit')
    .map(action => (action.params as { event: BroadcastEmitted }).event)

const stepped = (snapshot: BroadcastSnapshot, actions: readonly Action[]): Stepped => ({
  snapshot,
  actions,
  emitted: emittedBy(actions),
})

export function create(overrides: Partial<BroadcastInput> = {}): Stepped {
  const input = { ...broadcastInputOf(overrides), at: CREATED_AT, uid: uuid(0) }
  return stepped(...initialTransition(broadcastMachine, input))
}

export const send = (snapshot: BroadcastSnapshot, event: BroadcastEvent): Stepped =>
  stepped(...transition(broadcastMachine, snapshot, event))

/** Sends one after the other and returns the last step. */
export const sendAll = (first: Stepped, ...events: readonly BroadcastEvent[]): Stepped =>
  events.reduce((last, event) => send(last.snapshot, event), first)

type AcceptEvent = Extract<BroadcastEvent, { type: 'accept' }>

/** The `n`th transporter accepts with its own driver and vehicle; the trip's id is `uuid(n)`. */
export const accept = (n: number, overrides: Partial<AcceptEvent> = {}): AcceptEvent => ({
  type: 'accept',
  at: CREATED_AT + n,
  uid: uuid(n),
  transporterId: `transporter-${n}`,
  driver: { id: `driver-${n}`, name: `Driver ${n}` },
  vehicle: { id: `vehicle-${n}`, number: `KA 01 ${n}`, vehicleType: 'tata_ace' },
  ...overrides,
})

const stampAfter = (ms: number) => ({ at: CREATED_AT + ms, uid: uuid(1_000_000 + ms) })

export const cancel = (ms = 50): BroadcastEvent => ({ type: 'cancel', ...stampAfter(ms) })

export type TripEventType = 'trip.start' | 'trip.complete' | 'trip.release' | 'trip.abandon'

export const tripEvent = (type: TripEventType, n: number, ms = 60): BroadcastEvent => ({
  type,
  tripId: uuid(n),
  ...stampAfter(ms),
})

/** Timer events come from the runtime with a stamp and are not among the machine's declared events. */
export const timer = (type: string, ms = 70): BroadcastEvent =>
  ({ type, ...stampAfter(ms) }) as unknown as BroadcastEvent

export const DEADLINE = 'xstate.after.broadcastTimeout.broadcast.lifecycle.seeking'
export const WINDOW = 'xstate.after.cancelWindow.broadcast.lifecycle.fully_filled.revocable'
export const reachTimer = (state: string) => `xstate.after.reachStep.broadcast.reach.${state}`

export const deadline = () => timer(DEADLINE, TIMEOUT_MS)

/** The innermost active state of the lifecycle. */
export function leafOf({ value: { lifecycle } }: BroadcastSnapshot): string {
  return typeof lifecycle === 'string' ? lifecycle : (Object.values(lifecycle)[0] as string)
}
