/* Facts read from a broadcast's snapshot. Pure. Nothing is decided here, because the machine does that. */
import type { SnapshotFrom } from 'xstate'
import type { BroadcastCommandType } from './events.js'
import { type broadcastMachine, tripSteps } from './machine.js'
import type { BroadcastContext, BroadcastStatus, ReachStep, TripStatus } from './types.js'

export type BroadcastSnapshot = SnapshotFrom<typeof broadcastMachine>

/** Commands that users may send. The program itself sends `reach.exhausted`. */
export type UserCommandType = Exclude<BroadcastCommandType, 'reach.exhausted'>
export type TripEventType = 'start' | 'complete' | 'release' | 'abandon'

/** The two phases of a full request have the same status. They differ in whether it can still be cancelled. */
export function broadcastStatus({ value }: BroadcastSnapshot): BroadcastStatus {
  const { lifecycle } = value
  if (typeof lifecycle === 'string') return lifecycle
  return 'seeking' in lifecycle ? lifecycle.seeking : 'fully_filled'
}

export const isSeeking = (snapshot: BroadcastSnapshot) => snapshot.matches({ lifecycle: 'seeking' })

/** The vehicle types that an accept may still bring, each once, in the order of the request. */
export function openTypes(context: BroadcastContext): readonly string[] {
  return [...new Set(context.trucks.filter(truck => truck.tripId === null).map(truck => truck.vehicleType))]
}

export interface Reach {
  readonly step: ReachStep | 'done'
  /** Kilometres. `null` if distance does not matter. */
  readonly radiusKm: number | null
}

const reachSteps = { step_1: 1, step_2: 2, step_3: 3, step_4: 4, everyone: 'everyone', done: 'done' } as const

export function reachOf({ value, context }: BroadcastSnapshot): Reach {
  const step = reachSteps[value.reach]
  return { step, radiusKm: typeof step === 'number' ? (context.reachStepsKm[step - 1] ?? null) : null }
}

const tripEventTypes = ['start', 'complete', 'release', 'abandon'] as const

/** The events that may happen next to a trip in `status`, whatever the state of its request. */
export const nextTripEvents = (status: TripStatus): readonly TripEventType[] =>
  tripEventTypes.filter(type => tripSteps[status][`trip.${type}`] !== undefined)

/**
 * The command types that the machine would accept at `at` (milliseconds), with the right data. The caller must check who
 * may send them.
 */
export function nextEvents(snapshot: BroadcastSnapshot, at: number): readonly UserCommandType[] {
  const { context } = snapshot
  const isStatus = (status: TripStatus) => context.trips.some(trip => trip.status === status)
  const canCancel =
    isSeeking(snapshot) ||
    snapshot.matches({ lifecycle: { fully_filled: 'revocable' } }) ||
    (snapshot.matches({ lifecycle: 'expired' }) && isStatus('assigned'))
  return [
    ...(isSeeking(snapshot) && at < context.expiresAt ? ['accept' as const] : []),
    ...(canCancel ? ['cancel' as const] : []),
    ...tripEventTypes
      .filter(type =>
        (['assigned', 'started'] as const).some(
          status => isStatus(status) && nextTripEvents(status).includes(type),
        ),
      )
      .map(type => `trip.${type}` as const),
  ]
}
