import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createActor } from 'xstate'
import {
  type BroadcastEmitted,
  type BroadcastEvent,
  type BroadcastInput,
  type BroadcastSnapshot,
  broadcastDefinition,
  broadcastMachine,
  isLive,
  isSeeking,
  nextEvents,
  type ReachStep,
  trucksFilled,
} from '../../../src/machines/index.js'
import type { StampedEvent } from '../../../src/runtime/definition.js'
import {
  type Action,
  broadcastInputOf,
  CREATED_AT,
  create,
  reachTimer,
  type Stepped,
  send,
  uuid,
} from '../../unit/machines/stepping.js'

const isLong = process.env.LOADCAST_LONG_TESTS === '1'
const runs = { numRuns: isLong ? 3_000 : 60 }

const TYPES = ['tata_ace', '14ft', '20ft']

const inputs: fc.Arbitrary<BroadcastInput> = fc
  .record({
    trucks: fc.array(
      fc.record({ vehicleType: fc.constantFrom('tata_ace', '14ft'), count: fc.integer({ min: 1, max: 2 }) }),
      { minLength: 1, maxLength: 2 },
    ),
    distances: fc.integer({ min: 1, max: 4 }),
    timeoutMs: fc.integer({ min: 1, max: 400 }),
    cancelWindowMs: fc.integer({ min: 0, max: 100 }),
  })
  .map(({ distances, ...rest }) =>
    broadcastInputOf({ ...rest, reachStepsKm: [10, 25, 50, 75].slice(0, distances) }),
  )

/** A step of a walk, before it is known what trips there are: `pick` chooses among them. */
type Move = { readonly waitMs: number } & (
  | {
      readonly kind: 'accept'
      readonly driver: number
      readonly vehicle: number
      readonly vehicleType: string
    }
  | { readonly kind: 'trip.start' | 'trip.complete' | 'trip.release' | 'trip.abandon'; readonly pick: number }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'exhausted'; readonly step: ReachStep }
  | { readonly kind: 'timer'; readonly id: string }
)

const timers = broadcastMachine.events.filter(type => type.startsWith('xstate.after.'))
const waitMs = fc.nat({ max: 20 })
const tripMoves = ['trip.start', 'trip.complete', 'trip.release', 'trip.abandon'] as const

const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('accept' as const),
        waitMs,
        driver: fc.nat({ max: 5 }),
        vehicle: fc.nat({ max: 5 }),
        vehicleType: fc.constantFrom(...TYPES, 'tata_ace', '14ft'),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constantFrom(...tripMoves), waitMs, pick: fc.nat({ max: 6 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), waitMs }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('exhausted' as const),
        waitMs,
        step: fc.constantFrom<ReachStep>(1, 2, 3, 4, 'everyone'),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('timer' as const),
        waitMs,
        id: fc.constantFrom(...timers),
      }),
    },
  ),
  { maxLength: 40, size: 'max' },
)

function eventOf(move: Move, { context }: BroadcastSnapshot, at: number, n: number): BroadcastEvent {
  const stamp = { at, uid: uuid(n) }
  switch (move.kind) {
    case 'accept':
      return {
        type: 'accept',
        ...stamp,
        transporterId: `transporter-${move.driver % 3}`,
        driver: { id: `driver-${move.driver}`, name: 'D' },
        vehicle: { id: `vehicle-${move.vehicle}`, number: 'KA', vehicleType: move.vehicleType },
      }
    case 'cancel':
      return { type: 'cancel', ...stamp }
    case 'exhausted':
      return { type: 'reach.exhausted', step: move.step, ...stamp }
    case 'timer':
      return { type: move.id, ...stamp } as unknown as BroadcastEvent
    default:
      return {
        type: move.kind,
        tripId: context.trips[move.pick % (context.trips.length + 1)]?.id ?? uuid(0),
        ...stamp,
      }
  }
}

interface Walked {
  readonly before: BroadcastSnapshot
  readonly event: BroadcastEvent
  readonly after: Stepped
}

const toJson = <T>(value: T): T => JSON.parse(JSON.stringify(value))

/** A machine that wrote to what it is given would throw: modules are strict. */
function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) freeze(inner)
  }
  return value
}

function walk(input: BroadcastInput, path: readonly Move[]): { first: Stepped; steps: readonly Walked[] } {
  const first = create(input)
  const steps: Walked[] = []
  let before = first.snapshot
  let at = CREATED_AT
  for (const [index, move] of path.entries()) {
    freeze(before.context)
    at += move.waitMs
    const event = freeze(eventOf(move, before, at, index + 1))
    const after = send(before, event)
    steps.push({ before, event, after })
    before = after.snapshot
  }
  return { first, steps }
}

const check = (property: (walked: ReturnType<typeof walk>, input: BroadcastInput) => void) =>
  fc.assert(
    fc.property(inputs, moves, (input, path) => property(walk(input, path), input)),
    runs,
  )

const status = (snapshot: BroadcastSnapshot) => broadcastDefinition.status(snapshot)

test('the walks cover everything: every state and event', () => {
  const seen = new Set<string>()
  for (const [input, path] of fc.sample(fc.tuple(inputs, moves), { numRuns: 400, seed: 7 })) {
    for (const { after } of walk(input, path).steps) {
      seen.add(JSON.stringify(after.snapshot.value.lifecycle))
      seen.add(after.snapshot.value.reach)
      for (const trip of after.snapshot.context.trips) seen.add(trip.status)
    }
  }
  expect([...seen].sort()).toEqual(
    [
      '{"seeking":"searching"}',
      '{"seeking":"partially_filled"}',
      '{"fully_filled":"revocable"}',
      '{"fully_filled":"settled"}',
      '"cancelled"',
      '"expired"',
      ...['step_1', 'step_2', 'step_3', 'step_4', 'everyone', 'done'],
      ...['assigned', 'started', 'completed', 'released', 'cancelled', 'abandoned'],
    ].sort(),
  )
})

test('R1.1 nothing returns to seeking, and nothing leaves cancelled', () => {
  check(({ steps }) => {
    for (const { before, after } of steps) {
      if (!isSeeking(before)) expect(isSeeking(after.snapshot)).toBe(false)
      if (status(before) === 'cancelled') expect(status(after.snapshot)).toBe('cancelled')
      if (!isSeeking(after.snapshot)) expect(after.snapshot.value.reach).toBe('done')
    }
  })
})

test('a permanent refusal is permanent: whatever happens, no later event of its type is accepted', () => {
  check(({ first, steps }) => {
    const refused = new Set<string>()
    const note = (snapshot: BroadcastSnapshot) => {
      for (const type of Object.keys(broadcastDefinition.commands)) {
        if (broadcastDefinition.refusePermanently(snapshot, type) !== undefined) refused.add(type)
        else expect(refused).not.toContain(type)
      }
    }
    note(first.snapshot)
    for (const { before, event, after } of steps) {
      if (refused.has(event.type)) {
        expect(after.snapshot).toBe(before)
        expect(broadcastDefinition.refuse(before, event as StampedEvent)).toBeDefined()
      }
      note(after.snapshot)
    }
  })
})

test('R2.2 R4.2 no accept is taken at or after the deadline, nor in a state that no longer searches', () => {
  check(({ steps }) => {
    for (const { before, event, after } of steps) {
      if (event.type !== 'accept' || after.snapshot === before) continue
      expect(event.at).toBeLessThan(before.context.expiresAt)
      expect(isSeeking(before)).toBe(true)
    }
  })
})

test('an event is either taken, refused for a reason, or without effect where that is allowed', () => {
  const mayDoNothing = (event: BroadcastEvent) =>
    event.type === 'cancel' || event.type === 'reach.exhausted' || event.type.startsWith('xstate.')
  check(({ steps }) => {
    for (const { before, event, after } of steps) {
      if (after.snapshot !== before) continue
      expect(after.actions).toEqual([])
      const refusal = broadcastDefinition.refuse(before, event as StampedEvent)
      if (refusal === undefined) expect(mayDoNothing(event)).toBe(true)
      if (event.type === 'cancel') expect(refusal === undefined).toBe(status(before) === 'cancelled')
    }
  })
})

test('R2.1 taken trucks are at most the requested ones, and each has exactly one live trip', () => {
  check(({ steps }, input) => {
    const asked = input.trucks.reduce((sum, line) => sum + line.count, 0)
    for (const { snapshot } of steps.map(step => step.after)) {
      const { trucks, trips } = snapshot.context
      expect(trucks).toHaveLength(asked)
      expect(new Set(trips.map(trip => trip.id)).size).toBe(trips.length)
      for (const truck of trucks) {
        const standing = trips.filter(
          trip => trip.truckId === truck.id && ['assigned', 'started', 'completed'].includes(trip.status),
        )
        expect(standing.map(trip => trip.id)).toEqual(truck.tripId === null ? [] : [truck.tripId])
        for (const trip of standing) expect(trip.vehicle.vehicleType).toBe(truck.vehicleType)
      }
    }
  })
})

test('the status matches the trucks', () => {
  check(({ first, steps }) => {
    for (const { snapshot } of [first, ...steps.map(step => step.after)]) {
      const filled = trucksFilled(snapshot.context)
      const isFull = filled === snapshot.context.trucks.length
      expect(isFull && status(snapshot) !== 'cancelled' && status(snapshot) !== 'expired').toBe(
        status(snapshot) === 'fully_filled',
      )
      if (isSeeking(snapshot)) expect(status(snapshot) === 'searching').toBe(filled === 0)
      expect(snapshot.context.endReason === undefined).toBe(isSeeking(snapshot))
      expect(snapshot.context.endedAt === undefined).toBe(isSeeking(snapshot))
      if (status(snapshot) === 'cancelled') {
        expect(snapshot.context.trips.map(trip => trip.status)).not.toContain('assigned')
      }
    }
  })
})

test('R5.4 R10.2 claims are the customer during the search and the busy drivers and vehicles, without duplicates', () => {
  check(({ first, steps }) => {
    for (const { snapshot } of [first, ...steps.map(step => step.after)]) {
      const claims = broadcastDefinition.claims(snapshot)
      expect(new Set(claims).size).toBe(claims.length)
      const live = snapshot.context.trips.filter(isLive)
      expect(claims).toHaveLength(2 * live.length + (isSeeking(snapshot) ? 1 : 0))
    }
  })
})

test('every announcement has an audience without duplicates, and plain data', () => {
  check(({ first, steps }) => {
    for (const emitted of [first, ...steps.map(step => step.after)].flatMap(step => step.emitted)) {
      expect(emitted.audience.length).toBeGreaterThan(0)
      expect(new Set(emitted.audience).size).toBe(emitted.audience.length)
      expect(toJson(emitted)).toStrictEqual(emitted)
    }
  })
})

test('R1.1 an announced status is true, and a change of status or trucks is announced', () => {
  check(({ steps }) => {
    for (const { before, after } of steps) {
      const now = {
        status: status(after.snapshot),
        trucksFilled: trucksFilled(after.snapshot.context),
        trucksNeeded: after.snapshot.context.trucks.length,
      }
      const told = after.emitted.filter((event: BroadcastEmitted) => 'status' in event)
      for (const event of told) expect(event).toMatchObject(now)
      const taken = (snapshot: BroadcastSnapshot) => snapshot.context.trucks.map(truck => truck.tripId).join()
      const hasChanged = status(before) !== now.status || taken(before) !== taken(after.snapshot)
      if (hasChanged) expect(told.length).toBeGreaterThan(0)
    }
  })
})

test('R10.1 the machine uses only features that the runtime can make durable', () => {
  check(({ first, steps }) => {
    for (const action of [first, ...steps.map(step => step.after)].flatMap(step => step.actions)) {
      expect(['xstate.emit', 'xstate.raise', 'xstate.cancel']).toContain(action.type)
      const { delay } = (action.params ?? {}) as { delay?: number }
      if (delay !== undefined) expect(Number.isFinite(delay) && delay >= 0).toBe(true)
    }
  })
})

test('R5.4 R10.1 at rest the armed timers are those of the active states', () => {
  const expected = ({ value }: BroadcastSnapshot) => [
    ...(JSON.stringify(value.lifecycle).includes('seeking') ? [timers[0]] : []),
    ...(JSON.stringify(value.lifecycle).includes('revocable') ? [timers[1]] : []),
    ...(value.reach === 'done' ? [] : [reachTimer(value.reach)]),
  ]
  check(({ first, steps }) => {
    const armed = new Set<string>()
    for (const { snapshot, actions } of [first, ...steps.map(step => step.after)]) {
      for (const { type, params } of actions) {
        const { id, sendId, delay } = params as { id?: string; sendId?: string; delay?: number }
        if (type === 'xstate.cancel' && sendId !== undefined) armed.delete(sendId)
        if (type === 'xstate.raise' && delay !== undefined && id !== undefined) armed.add(id)
      }
      expect([...armed].sort()).toEqual(expected(snapshot).sort())
    }
  })
})

const effect = ({ type, params }: Action) => toJson({ type, params })

test('R1.5 the events alone, parsed from JSON, lead to the same snapshot: the machine is pure', () => {
  check(({ steps }, input) => {
    let again = create(toJson(input))
    for (const { event, after } of steps) {
      again = send(again.snapshot, toJson(event))
      expect(toJson(again.snapshot)).toStrictEqual(toJson(after.snapshot))
      expect(again.actions.map(effect)).toStrictEqual(after.actions.map(effect))
    }
  })
})

/** Timers are the runtime's: an actor in a test must not wait for real ones. */
const idleClock = { setTimeout: () => 0, clearTimeout: () => undefined }

test('R1.5 a stored snapshot is an actor at rest: restored at any point it continues identically', () => {
  check(({ steps }) => {
    for (const { before, event, after } of steps) {
      const restored = broadcastMachine.resolveState(toJson(before))
      const resumed = send(restored, event)
      expect(toJson(resumed.snapshot)).toStrictEqual(toJson(after.snapshot))
      expect(resumed.emitted).toEqual(after.emitted)

      const emitted: BroadcastEmitted[] = []
      const actor = createActor(broadcastMachine, { snapshot: toJson(before), clock: idleClock } as never)
      actor.on('*', heard => emitted.push(heard))
      actor.start()
      actor.send(event)
      expect(actor.getPersistedSnapshot()).toEqual(broadcastMachine.getPersistedSnapshot(after.snapshot))
      expect(emitted).toEqual(after.emitted)
      actor.stop()
    }
  })
})

test('every snapshot can be shown: status, owner, rows and next events always exist', () => {
  check(({ first, steps }) => {
    for (const { snapshot } of [first, ...steps.map(step => step.after)]) {
      const restored = broadcastMachine.resolveState(toJson(snapshot))
      expect(status(restored)).toBe(status(snapshot))
      expect(broadcastDefinition.owner(restored)).toBe('customer-1')
      expect(broadcastDefinition.claims(restored)).toEqual(broadcastDefinition.claims(snapshot))
      const [projection] = broadcastDefinition.projections
      expect(projection.rows(restored)).toStrictEqual(projection.rows(snapshot))
      expect(nextEvents(restored, CREATED_AT)).toEqual(nextEvents(snapshot, CREATED_AT))
    }
  })
})
