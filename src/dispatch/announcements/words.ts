/* What an event says, put into words once for all who say it: sockets, pushes, and who comes back later. */
import type { BroadcastEmitted, Trip, TripStatus } from '../../machines/index.js'
import type { EmittedEvent } from '../../runtime/types.js'
import type { KnownRequests } from '../broadcasts/known-requests.js'
import type { RecordedEvent, TripSurroundings } from '../ports.js'
import { announce, type Said } from './announcements.js'
import type { Concerned } from './audience.js'

export interface Words {
  readonly concerned: Concerned
  readonly said: readonly Said[]
}

const known = new WeakMap<EmittedEvent, Words>()

/**
 * The words of an event that is being delivered, `attempt` counting from 1. Delivered late or once more, it is told as
 * of now: its trip may have ended since. The trip is then looked up each time, unless the event was read together with it.
 */
export async function wordsFor(emitted: RecordedEvent, requests: KnownRequests, attempt = 1): Promise<Words> {
  const request = await requests.surroundings(emitted.instance, emitted.version)
  const trip = tripOf(emitted)
  const isOld = attempt > 1 || requests.isLate(emitted)
  if (trip !== undefined && emitted.tripStatus === undefined && isOld) {
    return wordsOf(emitted, request, await requests.tripStatus(emitted.instance, trip.id))
  }
  let words = known.get(emitted)
  if (words === undefined) {
    words = wordsOf(emitted, request, emitted.tripStatus)
    known.set(emitted, words)
  }
  return words
}

/** Pure. `tripStatus`: as in `announce`. */
export function wordsOf(
  emitted: Omit<EmittedEvent, 'machine'>,
  request: TripSurroundings,
  tripStatus?: TripStatus | null,
): Words {
  const { type, audience, payload } = emitted
  // The payload is what the machine emitted, by way of the database.
  const event = { type, audience, ...payload } as unknown as BroadcastEmitted
  return {
    concerned: { customerId: request.customerId, trip: tripOf(emitted) },
    said: announce(event, emitted, request, tripStatus),
  }
}

const tripOf = ({ payload }: Pick<EmittedEvent, 'payload'>) => payload.trip as Trip | undefined
