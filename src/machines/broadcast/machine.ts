/*
 * One request for trucks, from the search to its end and beyond. Only this file decides what state a request is in. It has
 * no clock and no randomness: events carry `at` and `uid`. Nothing ever returns to `seeking`. The whole file can be pasted
 * into the Stately visualizer, so it imports only `xstate` and types, and spells every state out.
 */
import { assertEvent, assign, emit, enqueueActions, raise, setup } from 'xstate'
import type { BroadcastInput } from './events.js'
import type {
  BroadcastContext,
  BroadcastEmitted,
  BroadcastEvent,
  BroadcastStatus,
  EndReason,
  Progress,
  ReachStep,
  Stamp,
  Trip,
  TripStatus,
  Truck,
} from './types.js'

type AcceptEvent = Extract<BroadcastEvent, { type: 'accept' }>
type TripEvent = Extract<BroadcastEvent, { tripId: string }>

/** The trip machine as a value: state → event → next state. A test checks that it equals `tripMachine`. */
export const tripSteps: Readonly<Record<TripStatus, Readonly<Record<string, TripStatus>>>> = {
  assigned: {
    'trip.start': 'started',
    'trip.release': 'released',
    'trip.cancel': 'cancelled',
    'trip.abandon': 'abandoned',
  },
  started: { 'trip.complete': 'completed', 'trip.abandon': 'abandoned' },
  completed: {},
  released: {},
  cancelled: {},
  abandoned: {},
}

/** The trip keeps its driver and vehicle busy. */
export const isLive = ({ status }: Pick<Trip, 'status'>) => status === 'assigned' || status === 'started'

/** The trip has taken its truck: it was not released, cancelled or abandoned. */
export const isStanding = (trip: Pick<Trip, 'status'>) => isLive(trip) || trip.status === 'completed'

/** The number of trucks that a trip has taken. */
export function trucksFilled({ trucks }: BroadcastContext): number {
  let filled = 0
  for (const truck of trucks) if (truck.tripId !== null) filled++
  return filled
}

export const findOpenTruck = (context: BroadcastContext, vehicleType: string) =>
  context.trucks.find(truck => truck.tripId === null && truck.vehicleType === vehicleType)

export const findTrip = (context: BroadcastContext, tripId: string) =>
  context.trips.find(trip => trip.id === tripId)

const isUnderWay = (context: BroadcastContext) =>
  context.trips.some(trip => trip.status === 'started' || trip.status === 'completed')

/** The lifecycle's status derived from the context, for announcements during a transition. */
export function statusOf(context: BroadcastContext): BroadcastStatus {
  if (context.endReason === undefined) return trucksFilled(context) === 0 ? 'searching' : 'partially_filled'
  if (context.endReason === 'filled') return 'fully_filled'
  return context.endReason === 'cancelled' ? 'cancelled' : 'expired'
}

const progress = (context: BroadcastContext): Progress => ({
  status: statusOf(context),
  trucksFilled: trucksFilled(context),
  trucksNeeded: context.trucks.length,
})

const forCustomer = (context: BroadcastContext) => ({
  audience: [context.customerId],
  ...progress(context),
})

const aboutTrip = (context: BroadcastContext, trip: Trip) => ({
  audience: [...new Set([context.customerId, trip.driver.id, trip.transporterId])],
  trip,
  ...progress(context),
})

function tripOf(context: BroadcastContext, event: TripEvent): Trip {
  const trip = findTrip(context, event.tripId)
  if (trip === undefined) throw new Error(`trip ${event.tripId} passed the guard but is not of this request`)
  return trip
}

const isAcceptable = (context: BroadcastContext, event: AcceptEvent) =>
  event.at < context.expiresAt &&
  findOpenTruck(context, event.vehicle.vehicleType) !== undefined &&
  !context.trips.some(
    trip => isLive(trip) && (trip.driver.id === event.driver.id || trip.vehicle.id === event.vehicle.id),
  )

const fillsLast = (context: BroadcastContext, event: AcceptEvent) =>
  trucksFilled(context) === context.trucks.length - 1 && isAcceptable(context, event)

const isTripStep = (context: BroadcastContext, event: TripEvent) => {
  const trip = findTrip(context, event.tripId)
  return trip !== undefined && tripSteps[trip.status][event.type] !== undefined
}

function createContext({ at, uid: _uid, trucks, ...input }: BroadcastInput & Stamp): BroadcastContext {
  const types = trucks.flatMap(line => Array.from({ length: line.count }, () => line.vehicleType))
  const { goods, notes, pricePerTruck, fingerprint, retryOf, ...rest } = input
  return {
    trucks: types.map((vehicleType, index) => ({ id: `t${index + 1}`, vehicleType, tripId: null })),
    trips: [],
    createdAt: at,
    expiresAt: at + input.timeoutMs,
    ...rest,
    ...(goods === undefined ? {} : { goods }),
    ...(notes === undefined ? {} : { notes }),
    ...(pricePerTruck === undefined ? {} : { pricePerTruck }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(retryOf === undefined ? {} : { retryOf }),
  }
}

function assignTruck(context: BroadcastContext, event: AcceptEvent): Partial<BroadcastContext> {
  const truck = findOpenTruck(context, event.vehicle.vehicleType)
  if (truck === undefined) throw new Error('an accept passed the guard but no truck is open')
  const trip: Trip = {
    id: event.uid,
    truckId: truck.id,
    status: 'assigned',
    transporterId: event.transporterId,
    driver: event.driver,
    vehicle: event.vehicle,
    assignedAt: event.at,
  }
  const trucks = context.trucks.slice()
  trucks[trucks.indexOf(truck)] = { ...truck, tripId: trip.id }
  return { trucks, trips: [...context.trips, trip] }
}

function stepTrip(trip: Trip, step: string, at: number): Trip {
  const status = tripSteps[trip.status][step]
  if (status === undefined) throw new Error(`${step} passed the guard of a trip that is ${trip.status}`)
  return { ...trip, status, ...(status === 'started' ? { startedAt: at } : { endedAt: at }) }
}

/** Moves the chosen trips by `step`. A trip that ends before the delivery opens its truck again. */
function moveTrips(
  context: BroadcastContext,
  isChosen: (trip: Trip) => boolean,
  step: string,
  at: number,
): Partial<BroadcastContext> {
  const trips = context.trips.map(trip => (isChosen(trip) ? stepTrip(trip, step, at) : trip))
  const standing = new Set(trips.filter(isStanding).map(trip => trip.id))
  const open = ({ tripId }: Truck) => tripId === null || !standing.has(tripId)
  return { trips, trucks: context.trucks.map(truck => (open(truck) ? { ...truck, tripId: null } : truck)) }
}

const wasCancelled = (trip: Trip) => trip.status === 'cancelled'

export const broadcastMachine = setup({
  types: {
    input: {} as BroadcastInput & Stamp,
    context: {} as BroadcastContext,
    events: {} as BroadcastEvent,
    emitted: {} as BroadcastEmitted,
  },
  delays: {
    // Delays come from the context alone, because `xstate.init` and raised events carry no `at`.
    broadcastTimeout: ({ context }) => context.timeoutMs,
    cancelWindow: ({ context }) => context.cancelWindowMs,
    reachStep: ({ context }) => context.reachStepMs,
  },
  guards: {
    /** In time, even if the deadline's timer is late. A truck of the type is open. Driver and vehicle are not busy here. */
    fillsTruck: ({ context, event }) => {
      assertEvent(event, 'accept')
      return isAcceptable(context, event)
    },
    fillsLastTruck: ({ context, event }) => {
      assertEvent(event, 'accept')
      return fillsLast(context, event)
    },
    fillsLastTruckUnderWay: ({ context, event }) => {
      assertEvent(event, 'accept')
      return isUnderWay(context) && fillsLast(context, event)
    },
    tripAllows: ({ context, event }) => {
      assertEvent(event, ['trip.start', 'trip.complete', 'trip.release', 'trip.abandon'])
      return isTripStep(context, event)
    },
    emptiesLastTruck: ({ context, event }) => {
      assertEvent(event, ['trip.release', 'trip.abandon'])
      return isTripStep(context, event) && trucksFilled(context) === 1
    },
    hasUnstartedTrip: ({ context }) => context.trips.some(trip => trip.status === 'assigned'),
    hasStep: ({ context }, { step }: { step: number }) => context.reachStepsKm.length >= step,
    isExhausted: ({ event }, { step }: { step: ReachStep }) => {
      assertEvent(event, 'reach.exhausted')
      return event.step === step
    },
    isExhaustedBefore: ({ context, event }, { step }: { step: number }) => {
      assertEvent(event, 'reach.exhausted')
      return event.step === step - 1 && context.reachStepsKm.length >= step
    },
  },
  actions: {
    assignTruck: assign(({ context, event }) => {
      assertEvent(event, 'accept')
      return assignTruck(context, event)
    }),
    moveTrip: assign(({ context, event }) => {
      assertEvent(event, ['trip.start', 'trip.complete', 'trip.release', 'trip.abandon'])
      return moveTrips(context, trip => trip.id === event.tripId, event.type, event.at)
    }),
    cancelTrips: assign(({ context, event }) => {
      assertEvent(event, 'cancel')
      return moveTrips(context, trip => trip.status === 'assigned', 'trip.cancel', event.at)
    }),
    end: assign(({ event }, { reason }: { reason: EndReason }) => {
      assertEvent(event, ['accept', 'cancel', 'trip.release', 'trip.abandon'])
      return { endedAt: event.at, endReason: reason }
    }),
    endOnTime: assign(({ context }) => ({ endedAt: context.expiresAt, endReason: 'timeout' as const })),
    stopReach: raise({ type: 'reach.stop' }),
    announceCreated: emit(({ context }) => ({ type: 'broadcast.created', ...forCustomer(context) })),
    announceReach: emit(({ context }, { step }: { step: ReachStep }) => ({
      type: 'reach.widened',
      audience: [context.customerId],
      step,
      radiusKm: step === 'everyone' ? null : (context.reachStepsKm[step - 1] ?? null),
    })),
    announceAssigned: emit(({ context, event }) => {
      assertEvent(event, 'accept')
      const trip = findTrip(context, event.uid)
      if (trip === undefined) throw new Error('an accept made no trip')
      return { type: 'truck.assigned', ...aboutTrip(context, trip) }
    }),
    announceFilled: emit(({ context }) => ({ type: 'broadcast.filled', ...forCustomer(context) })),
    announceStarted: emit(({ context, event }) => {
      assertEvent(event, 'trip.start')
      return { type: 'trip.started', ...aboutTrip(context, tripOf(context, event)) }
    }),
    announceCompleted: emit(({ context, event }) => {
      assertEvent(event, 'trip.complete')
      return { type: 'trip.completed', ...aboutTrip(context, tripOf(context, event)) }
    }),
    announceReleased: emit(({ context, event }) => {
      assertEvent(event, ['trip.release', 'trip.abandon'])
      return {
        type: 'truck.released',
        ...aboutTrip(context, tripOf(context, event)),
        by: event.type === 'trip.release' ? 'release' : 'abandon',
        ...(event.reason === undefined ? {} : { reason: event.reason }),
        reopened: context.endReason === undefined,
        retryable: statusOf(context) === 'expired',
      }
    }),
    announceTripsCancelled: enqueueActions(({ context, enqueue }) => {
      for (const trip of context.trips.filter(wasCancelled)) {
        enqueue.emit({ type: 'trip.cancelled', ...aboutTrip(context, trip) })
      }
    }),
    announceCancelled: emit(({ context, event }) => {
      assertEvent(event, 'cancel')
      return {
        type: 'broadcast.cancelled',
        ...forCustomer(context),
        ...(event.reason === undefined ? {} : { reason: event.reason }),
        tripsCancelled: context.trips.filter(wasCancelled).length,
        tripsKept: trucksFilled(context),
      }
    }),
    announceExpired: emit(({ context }) => ({
      type: 'broadcast.expired',
      ...forCustomer(context),
      endReason: 'timeout',
    })),
  },
}).createMachine({
  id: 'broadcast',
  description: 'One request for trucks: how it fills and ends, and how far its offer has gone out.',
  type: 'parallel',
  context: ({ input }) => createContext(input),
  entry: 'announceCreated',
  states: {
    lifecycle: {
      description: 'What the request is to everyone. Nothing ever returns to seeking.',
      initial: 'seeking',
      states: {
        seeking: {
          description: 'Trucks are sought until all are found, the customer cancels or time is up.',
          initial: 'searching',
          exit: 'stopReach',
          after: {
            broadcastTimeout: {
              target: 'expired',
              actions: ['endOnTime', 'announceExpired'],
              description: 'Time is up; trips already assigned stand.',
            },
          },
          on: {
            accept: [
              {
                guard: 'fillsLastTruckUnderWay',
                target: 'fully_filled.settled',
                actions: [
                  'assignTruck',
                  { type: 'end', params: { reason: 'filled' } },
                  'announceAssigned',
                  'announceFilled',
                ],
                description: 'The last truck, and a trip has started: too late to cancel.',
              },
              {
                guard: 'fillsLastTruck',
                target: 'fully_filled.revocable',
                actions: [
                  'assignTruck',
                  { type: 'end', params: { reason: 'filled' } },
                  'announceAssigned',
                  'announceFilled',
                ],
                description: 'The last truck.',
              },
              {
                guard: 'fillsTruck',
                target: '.partially_filled',
                actions: ['assignTruck', 'announceAssigned'],
                description: 'One more truck; others are still missing.',
              },
            ],
            cancel: {
              target: 'cancelled',
              actions: [
                'cancelTrips',
                { type: 'end', params: { reason: 'cancelled' } },
                'announceTripsCancelled',
                'announceCancelled',
              ],
              description: 'Trips that have not started are cancelled, started ones stay.',
            },
          },
          states: {
            searching: {
              description: 'No truck is taken, or none is any more.',
            },
            partially_filled: {
              description: 'Some trucks are taken, some are open.',
              on: {
                'trip.start': { guard: 'tripAllows', actions: ['moveTrip', 'announceStarted'] },
                'trip.complete': { guard: 'tripAllows', actions: ['moveTrip', 'announceCompleted'] },
                'trip.release': [
                  {
                    guard: 'emptiesLastTruck',
                    target: 'searching',
                    actions: ['moveTrip', 'announceReleased'],
                  },
                  { guard: 'tripAllows', actions: ['moveTrip', 'announceReleased'] },
                ],
                'trip.abandon': [
                  {
                    guard: 'emptiesLastTruck',
                    target: 'searching',
                    actions: ['moveTrip', 'announceReleased'],
                  },
                  { guard: 'tripAllows', actions: ['moveTrip', 'announceReleased'] },
                ],
              },
            },
          },
        },
        fully_filled: {
          description: 'Every truck is taken. One that is given back is not sought again: see expired.',
          initial: 'revocable',
          on: {
            'trip.release': {
              guard: 'tripAllows',
              target: 'expired',
              actions: [
                'moveTrip',
                { type: 'end', params: { reason: 'truck_released' } },
                'announceReleased',
              ],
              description: 'The truck is open again; the customer is offered a retry for it.',
            },
            'trip.abandon': {
              guard: 'tripAllows',
              target: 'expired',
              actions: [
                'moveTrip',
                { type: 'end', params: { reason: 'truck_released' } },
                'announceReleased',
              ],
              description: 'Like a release, also of a trip that has started.',
            },
          },
          states: {
            revocable: {
              description: 'Nobody has set off and the cancel window is open.',
              after: {
                cancelWindow: { target: 'settled', description: 'The window to cancel in has closed.' },
              },
              on: {
                cancel: {
                  target: '#broadcast.lifecycle.cancelled',
                  actions: [
                    'cancelTrips',
                    { type: 'end', params: { reason: 'cancelled' } },
                    'announceTripsCancelled',
                    'announceCancelled',
                  ],
                  description: 'All trips are cancelled: none has started.',
                },
                'trip.start': {
                  guard: 'tripAllows',
                  target: 'settled',
                  actions: ['moveTrip', 'announceStarted'],
                  description: 'The first start settles the request.',
                },
              },
            },
            settled: {
              description: 'Too late to cancel: a trip has started, or the cancel window has closed.',
              on: {
                'trip.start': { guard: 'tripAllows', actions: ['moveTrip', 'announceStarted'] },
                'trip.complete': { guard: 'tripAllows', actions: ['moveTrip', 'announceCompleted'] },
              },
            },
          },
        },
        cancelled: {
          description: 'Cancelled by the customer; trips that had started go on to their end.',
          on: {
            'trip.complete': { guard: 'tripAllows', actions: ['moveTrip', 'announceCompleted'] },
            'trip.abandon': { guard: 'tripAllows', actions: ['moveTrip', 'announceReleased'] },
          },
        },
        expired: {
          description: 'Ended with trucks missing, by time or by one given back. What is assigned stands.',
          on: {
            cancel: {
              guard: 'hasUnstartedTrip',
              target: 'cancelled',
              actions: [
                'cancelTrips',
                { type: 'end', params: { reason: 'cancelled' } },
                'announceTripsCancelled',
                'announceCancelled',
              ],
              description: 'While a standing trip has not started; started ones stay.',
            },
            'trip.start': { guard: 'tripAllows', actions: ['moveTrip', 'announceStarted'] },
            'trip.complete': { guard: 'tripAllows', actions: ['moveTrip', 'announceCompleted'] },
            'trip.release': { guard: 'tripAllows', actions: ['moveTrip', 'announceReleased'] },
            'trip.abandon': { guard: 'tripAllows', actions: ['moveTrip', 'announceReleased'] },
          },
        },
      },
    },
    reach: {
      description: 'How far the offer has gone out. With fewer than four distances the rest is skipped.',
      initial: 'step_1',
      on: {
        'reach.stop': { target: '.done', description: 'The lifecycle has left seeking.' },
      },
      states: {
        step_1: {
          description: 'Offered within the first distance.',
          entry: { type: 'announceReach', params: { step: 1 } },
          after: {
            reachStep: [
              { guard: { type: 'hasStep', params: { step: 2 } }, target: 'step_2' },
              { target: 'everyone' },
            ],
          },
          on: {
            'reach.exhausted': [
              { guard: { type: 'isExhaustedBefore', params: { step: 2 } }, target: 'step_2' },
              { guard: { type: 'isExhausted', params: { step: 1 } }, target: 'everyone' },
            ],
          },
        },
        step_2: {
          description: 'Offered within the second distance.',
          entry: { type: 'announceReach', params: { step: 2 } },
          after: {
            reachStep: [
              { guard: { type: 'hasStep', params: { step: 3 } }, target: 'step_3' },
              { target: 'everyone' },
            ],
          },
          on: {
            'reach.exhausted': [
              { guard: { type: 'isExhaustedBefore', params: { step: 3 } }, target: 'step_3' },
              { guard: { type: 'isExhausted', params: { step: 2 } }, target: 'everyone' },
            ],
          },
        },
        step_3: {
          description: 'Offered within the third distance.',
          entry: { type: 'announceReach', params: { step: 3 } },
          after: {
            reachStep: [
              { guard: { type: 'hasStep', params: { step: 4 } }, target: 'step_4' },
              { target: 'everyone' },
            ],
          },
          on: {
            'reach.exhausted': [
              { guard: { type: 'isExhaustedBefore', params: { step: 4 } }, target: 'step_4' },
              { guard: { type: 'isExhausted', params: { step: 3 } }, target: 'everyone' },
            ],
          },
        },
        step_4: {
          description: 'Offered within the fourth distance.',
          entry: { type: 'announceReach', params: { step: 4 } },
          after: { reachStep: { target: 'everyone' } },
          on: {
            'reach.exhausted': {
              guard: { type: 'isExhausted', params: { step: 4 } },
              target: 'everyone',
            },
          },
        },
        everyone: {
          description: 'Offered to everyone online who matches, however far away.',
          entry: { type: 'announceReach', params: { step: 'everyone' } },
          after: { reachStep: { target: 'done' } },
          on: {
            'reach.exhausted': {
              guard: { type: 'isExhausted', params: { step: 'everyone' } },
              target: 'done',
            },
          },
        },
        done: {
          description: 'The offer goes no further: nobody is left to ask, or the search is over.',
        },
      },
    },
  },
})
