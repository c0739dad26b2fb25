/* What an event says, put into words once for all who say it: sockets, pushes, and who comes back later. */
import type { BroadcastEmitted } from '../../machines/index.js'
import type { EmittedEvent } from '../../runtime/types.js'
import type { KnownRequests } from '../broadcasts/known-requests.js'
import type { TripSurroundings } from '../ports.js'
import { announce, type Said } from './announcements.js'
import type { Concerned } from './audience.js'

export interface Words {
  readonly concerned: Concerned
  readonly said: readonly Said[]
}

const known = new WeakMap<EmittedEvent, Words>()

/** The words of an event that is being delivered. */
export async function wordsFor(emitted: EmittedEvent, requests: KnownRequests): Promise<Words> {
  const request = await requests.surroundings(emitted.instance, emitted.version)
  let words = known.get(emitted)
  if (words === undefined) {
    words = wordsOf(emitted, request)
    known.set(emitted, words)
  }
  return words
}

/** Pure. */
export function wordsOf(emitted: Omit<EmittedEvent, 'machine'>, request: TripSurroundings): Words {
  const { type, audience, payload } = emitted
  // The payload is what the machine emitted, by way of the database.
  const event = { type, audience, ...payload } as unknown as BroadcastEmitted
  const trip = 'trip' in event ? event.trip : undefined
  return {
    concerned: { customerId: request.customerId, trip },
    said: announce(event, emitted, request),
  }
}
