/* Requests for trucks as a subject of the race kit. Drivers and trucks are few and deadlines short, so that they collide. */
import fc from 'fast-check'
import { broadcastInvariants } from '../../src/dispatch/invariants.js'
import { type BroadcastSnapshot, broadcastDefinition } from '../../src/machines/index.js'
import type { Command } from '../../src/runtime/api.js'
import type { Subject } from '../../src/testing/index.js'

const TIMEOUT_MS = 400
const REACH_STEP_MS = 150
const CANCEL_WINDOW_MS = 200

const place = { lat: 21.15, lng: 79.09 }

const inputs = fc.record({
  customerId: fc.constantFrom('c1', 'c2'),
  kind: fc.constant('order'),
  pickup: fc.constant(place),
  drop: fc.constant(place),
  trucks: fc.constantFrom(
    [{ vehicleType: '14ft', count: 1 }],
    [{ vehicleType: '14ft', count: 2 }],
    [
      { vehicleType: '14ft', count: 1 },
      { vehicleType: '20ft', count: 1 },
    ],
  ),
  timeoutMs: fc.constantFrom(TIMEOUT_MS, TIMEOUT_MS, 60_000),
  reachStepMs: fc.constant(REACH_STEP_MS),
  reachStepsKm: fc.constantFrom([10], [10, 25, 50]),
  cancelWindowMs: fc.constantFrom(0, CANCEL_WINDOW_MS, 60_000),
})

const accept = fc
  .record({ driver: fc.integer({ min: 1, max: 3 }), vehicle: fc.integer({ min: 1, max: 3 }) })
  .map(({ driver, vehicle }) => ({
    type: 'accept',
    transporterId: `t${driver}`,
    driver: { id: `d${driver}`, name: `Driver ${driver}` },
    vehicle: { id: `v${vehicle}`, number: `MH 0${vehicle}`, vehicleType: vehicle === 3 ? '20ft' : '14ft' },
  }))

/** `tripId` is a number here: the index of a trip in the list of the request's trips. */
const tripCommand = fc.record({
  type: fc.constantFrom('trip.start', 'trip.complete', 'trip.release', 'trip.abandon'),
  tripId: fc.nat(2),
})

export const broadcastSubject: Subject = {
  definition: broadcastDefinition,
  inputs,
  commands: fc.oneof<{ weight: number; arbitrary: fc.Arbitrary<Command> }[]>(
    { weight: 8, arbitrary: accept },
    { weight: 2, arbitrary: fc.constant({ type: 'cancel' }) },
    { weight: 5, arbitrary: tripCommand },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant('reach.exhausted'),
        step: fc.constantFrom(1, 2, 3, 'everyone'),
      }),
    },
  ),
  complete(command, seen) {
    if (typeof command.tripId !== 'number') return command
    const trip = (seen as BroadcastSnapshot | undefined)?.context?.trips[command.tripId]
    return trip && { ...command, tripId: trip.id }
  },
  moments: [REACH_STEP_MS, CANCEL_WINDOW_MS, TIMEOUT_MS],
  invariants: broadcastInvariants,
}
