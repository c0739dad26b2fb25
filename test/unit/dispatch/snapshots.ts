/* Requests in any state, made by the real machine. */
import { createActor } from 'xstate'
import { asBroadcast, type Broadcast } from '../../../src/dispatch/broadcasts/broadcast.js'
import {
  type BroadcastEmitted,
  type BroadcastInput,
  type BroadcastSnapshot,
  broadcastMachine,
  broadcastStatus,
} from '../../../src/machines/index.js'

export const BROADCAST_ID = '01890000-0000-7000-8000-000000000001'
export const CREATED_AT = 1_700_000_000_000

const input: BroadcastInput = {
  customerId: 'c1',
  kind: 'booking',
  pickup: { lat: 28.61, lng: 77.2, address: 'Delhi' },
  drop: { lat: 19.07, lng: 72.87 },
  trucks: [{ vehicleType: '14ft', count: 2 }],
  goods: 'Rice',
  fingerprint: 'secret',
  timeoutMs: 120_000,
  reachStepMs: 15_000,
  reachStepsKm: [10, 25, 50, 75],
  cancelWindowMs: 300_000,
}

/** With each optional field, so that a new one cannot be left out of the examples. */
export const fullInput: Required<BroadcastInput> = {
  ...input,
  goods: 'Rice',
  notes: 'Gate 4',
  pricePerTruck: 10,
  fingerprint: 'secret',
  retryOf: '01890000-0000-7000-8000-000000000002',
}

/** A machine that is sent events a second apart; what it emits is kept with the version that emitted it. */
export function request(more: Partial<BroadcastInput> = {}) {
  const emitted: { event: BroadcastEmitted; version: number; index: number; at: number }[] = []
  let version = 1
  let at = CREATED_AT
  let index = 0
  const actor = createActor(broadcastMachine, {
    input: { ...input, ...more, at, uid: BROADCAST_ID },
    // Timers are the runtime's: none may fire by itself here.
    clock: { setTimeout: () => undefined, clearTimeout: () => undefined },
  })
  actor.on('*', event => {
    emitted.push({ event, version, index: index++, at })
  })
  actor.start()

  function send(event: { type: string } & Record<string, unknown>): string {
    version++
    index = 0
    at += 1_000
    const uid = `01890000-0000-7000-8000-${String(version).padStart(12, '0')}`
    actor.send({ ...event, at, uid } as never)
    return uid
  }

  return {
    emitted,
    send,
    /** Answers the id of the trip. */
    accept: (name: string, vehicleType = '14ft') =>
      send({
        type: 'accept',
        transporterId: `t-${name}`,
        driver: { id: `d-${name}`, name, phone: '+91' },
        vehicle: { id: `v-${name}`, number: `DL ${name}`, vehicleType },
      }),
    timeout: () => send({ type: 'xstate.after.broadcastTimeout.broadcast.lifecycle.seeking' }),
    get now() {
      return at
    },
    get broadcast(): Broadcast {
      const snapshot = actor.getSnapshot() as BroadcastSnapshot
      return asBroadcast({
        id: BROADCAST_ID,
        definitionVersion: 1,
        machine: 'broadcast',
        version,
        status: broadcastStatus(snapshot),
        owner: 'c1',
        snapshot,
        createdAt: CREATED_AT,
        updatedAt: at,
      })
    },
  }
}
