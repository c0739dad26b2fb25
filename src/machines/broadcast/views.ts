/*
 * What can be read off a broadcast's snapshot. Pure, and decides nothing: the machine does.
 */
import type { SnapshotFrom } from 'xstate'
import type { BroadcastCommandType } from './events.js'
import { type broadcastMachine, tripSteps } from './machine.js'
import type { BroadcastContext, BroadcastStatus, ReachStep, TripStatus } from './types.js'

export type BroadcastSnapshot = SnapshotFrom<typeof broadcastMachine>

/** What a user may send; `reach.exhausted` is the program's own. */
export type UserCommandType = Exclude<BroadcastCommandType, 'reach.exhausted'>
export type TripEventType = 'start' | 'complete' | 'release' | 'abandon'

/** The two phases of a full request differ in who may still cancel, not in status. */
export function broadcastStatus({ value }: BroadcastSnapshot): BroadcastStatus {
  const { lifecycle } = value
  if (typeof lifecycle === 'string') return lifecycle
  return 'seeking' in lifecycle ? lifecycle.seeking : 'fully_filled'
}

export const isSeeking = (snapshot: BroadcastSnapshot) => snapshot.matches({ lifecycle: 'seeking' })

/** The vehicle types that an accept may still bring, each once, in the order asked for. */
export function openTypes(context: BroadcastContext): readonly string[] {
  return [...new Set(context.trucks.filter(truck => truck.tripId === null).map(truck => truck.vehicleType))]
}

export interface Reach {
  readonly step: ReachStep | 'done'
  /** Kilometres; `null` where distance does not matter. */
  readonly radiusKm: number | null
}

const reachSteps = { step_1: 1, step_2: 2, step_3: 3, step_4: 4, everyone: 'everyone', done: 'done' } as const

export function reachOf({ value, context }: BroadcastSnapshot): Reach {
  const step = reachSteps[value.reach]
  return { step, radiusKm: typeof step === 'number' ? (context.reachStepsKm[step - 1] ?? null) : null }
}

const tripEventTypes = ['start', 'complete', 'release', 'abandon'] as const

/** What may happen next to a trip in `status`, whatever its request's state. */
export const nextTripEvents = (status: TripStatus): readonly TripEventType[] =>
  tripEventTypes.filter(type => tripSteps[status][`trip.${type}`] !== undefined)

/**
 * The command types that the machine would take at `at` (milliseconds), with the right data.
 * Who may send them is for the caller to judge.
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
