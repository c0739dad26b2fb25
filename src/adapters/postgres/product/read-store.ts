import type { Pool } from 'pg'
import type { ReadStore } from '../../../dispatch/ports.js'
import { gathered } from '../../../runtime/gathered.js'
import {
  type BroadcastQuestion,
  findBroadcasts,
  listAll,
  listLiveOffers,
  listOwned,
  load,
} from './reads/broadcasts.js'
import { eventsSince, markLate } from './reads/events.js'
import { listUnofferedLive } from './reads/live-requests.js'
import { findTrip, findTripAndBroadcast, listDriverTrips } from './reads/trips.js'

/**
 * Every method is one statement. Single requests that are read at the same time share one. `lookups` is the pool for
 * look-ups by key.
 */
export function createReadStore(pool: Pool, lookups: Pool = pool): ReadStore {
  const findBroadcast = gathered(
    ({ id, reader }: BroadcastQuestion) => `${id} ${reader?.role} ${reader?.id}`,
    questions => findBroadcasts(lookups, questions),
  )
  return {
    findBroadcast: (id, reader) => findBroadcast({ id, reader }),
    listOwned: (owner, options) => listOwned(pool, owner, options),
    listAll: options => listAll(pool, options),
    listLiveOffers: (transporterId, options) => listLiveOffers(pool, transporterId, options),
    listUnofferedLive: (transporterId, limit) => listUnofferedLive(pool, transporterId, limit),
    load: ids => load(pool, ids),
    findTrip: tripId => findTrip(pool, tripId),
    findTripAndBroadcast: tripId => findTripAndBroadcast(pool, tripId),
    eventsSince: (since, options) => eventsSince(pool, since, options),
    markLate: (since, limit) => markLate(pool, since, limit),
    listDriverTrips: (driverId, options) => listDriverTrips(pool, driverId, options),
  }
}
