/* The announcements of an event, made once for sockets, pushes and clients that resume. */
import type { BroadcastEmitted, Trip, TripStatus } from '../../machines/index.js'
import type { EmittedEvent } from '../../runtime/types.js'
import type { KnownRequests } from '../broadcasts/known-requests.js'
import type { RecordedEvent, TripSurroundings } from '../ports.js'
import { announce, type Said } from './announcements.js'
import type { Concerned } from './audience.js'

export interface Wording {
  readonly concerned: Concerned
  readonly said: readonly Said[]
}

const known = new WeakMap<EmittedEvent, Wording>()

/**
 * The announcements of an event that is being delivered. `attempt` counts from 1. A late or repeated delivery shows the
 * present state, because the trip may have ended since. The trip is then read each time, unless it was read with the
 * event.
 */
export async function wordingFor(
  emitted: RecordedEvent,
  requests: KnownRequests,
  attempt = 1,
): Promise<Wording> {
  const request = await requests.surroundings(emitted.instance, emitted.version)
  const trip = tripOf(emitted)
  const isOld = attempt > 1 || requests.isLate(emitted)
  if (trip !== undefined && emitted.tripStatus === undefined && isOld) {
    return wordingOf(emitted, request, await requests.tripStatus(emitted.instance, trip.id))
  }
  let wording = known.get(emitted)
  if (wording === undefined) {
    wording = wordingOf(emitted, request, emitted.tripStatus)
    known.set(emitted, wording)
  }
  return wording
}

/** Pure. `tripStatus`: as in `announce`. */
export function wordingOf(
  emitted: Omit<EmittedEvent, 'machine'>,
  request: TripSurroundings,
  tripStatus?: TripStatus | null,
): Wording {
  const { type, audience, payload } = emitted
  // The payload is what the machine emitted. It was stored in the database in between.
  const event = { type, audience, ...payload } as unknown as BroadcastEmitted
  return {
    concerned: { customerId: request.customerId, trip: tripOf(emitted) },
    said: announce(event, emitted, request, tripStatus),
  }
}

const tripOf = ({ payload }: Pick<EmittedEvent, 'payload'>) => payload.trip as Trip | undefined
