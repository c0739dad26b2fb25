/*
 * A kept answer that is given again for the same idempotency key. It says the same, without what the caller may no
 * longer see: a trip may have been released since, or the request may have ended.
 */
import { readerOf } from '../access.js'
import type { PartsWithEngine } from '../parts.js'
import type { Caller } from '../person.js'
import type { BroadcastView, TripView } from '../views/views.js'
import { limitBroadcast, limitTrip, parts, placesOfTrip, sightOf } from '../views/visibility.js'
import { asBroadcast } from './broadcast.js'

/** Members of answers that show a request, a trip or a driver's location. */
interface Shown {
  readonly broadcast?: BroadcastView
  readonly trip?: TripView
  readonly location?: unknown
  readonly lastSeenAt?: unknown
}

/**
 * `answer`: a kept body. It takes one read if the body shows a request or a trip and the caller is not its customer.
 */
export async function seenNow(
  { engine, reads }: Pick<PartsWithEngine, 'engine' | 'reads'>,
  caller: Caller,
  answer: unknown,
): Promise<unknown> {
  if (typeof answer !== 'object' || answer === null || readerOf(caller) === undefined) return answer
  // A kept location is old, and its driver may have left the fleet. The list of drivers has the present one.
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
