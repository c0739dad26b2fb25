/*
 * An answer that is given again for the same idempotency key. It says what it said, without what its caller may no longer
 * see: a trip may have been released since, the request may have ended.
 */
import { readerOf } from '../access.js'
import type { PartsWithEngine } from '../parts.js'
import type { Caller } from '../person.js'
import type { BroadcastView, TripView } from '../views/views.js'
import { limitBroadcast, limitTrip, parts, placesOfTrip, sightOf } from '../views/visibility.js'
import { asBroadcast } from './broadcast.js'

/** Members of answers that show a request or a trip, or where a driver was. */
interface Shown {
  readonly broadcast?: BroadcastView
  readonly trip?: TripView
  readonly location?: unknown
  readonly lastSeenAt?: unknown
}

/** `answer`: a body as it was kept. One read, where it shows a request or a trip of somebody's other than a customer's. */
export async function seenNow(
  { engine, reads }: Pick<PartsWithEngine, 'engine' | 'reads'>,
  caller: Caller,
  answer: unknown,
): Promise<unknown> {
  if (typeof answer !== 'object' || answer === null || readerOf(caller) === undefined) return answer
  // A kept place is old, and its driver may have left the fleet. The list of drivers has the present one.
  const { location: _, lastSeenAt: __, ...kept } = answer as Shown
  const { broadcast, trip } = kept
  if (broadcast !== undefined) {
    if (caller.role === 'customer' && broadcast.customerId === caller.id) return kept
    const record = await reads.findBroadcast(broadcast.id, readerOf(caller))
    const sight =
      record === undefined
        ? parts.bystander
        : sightOf(caller, asBroadcast(engine.restore(record.instance)), engine.now())
    return { ...kept, broadcast: limitBroadcast(broadcast, sight) }
  }
  if (trip !== undefined) {
    const status = (await reads.findTrip(trip.id))?.status ?? null
    return { ...kept, trip: limitTrip(trip, placesOfTrip(caller.role, status)) }
  }
  return kept
}
