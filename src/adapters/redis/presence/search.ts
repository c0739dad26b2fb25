/*
 * Searches drivers near a place with plain commands in one pipeline, because a Redis search is cheaper outside a
 * script. The members of the index contain all that is needed (id|transporter). Expired drivers are read in the same
 * round trip. They are few, because the sweep removes them every second. Only when the sweep is late is there a second
 * round trip.
 */
import type { NearbyDriver, Point } from '../../../dispatch/ports.js'
import { PresenceLost } from '../../../dispatch/ports.js'
import { keyOf, type PresenceConnection } from './connection.js'
import { isFilling, readState } from './filling.js'
import { MAX_LATITUDE } from './scripts.js'

/** More drivers expire within a second only after a large loss. */
const STALE_EXPECTED = 100
/** How many expired drivers the second round trip can sort out. More would block other clients of Redis. */
const MAX_STALE = 20_000

interface Search {
  readonly place: Point
  readonly radiusKm: number
  readonly types: readonly string[]
  readonly limit: number
}

type Found = readonly (readonly [member: string, km: string])[]

export async function searchNearby(
  redis: PresenceConnection,
  search: Search,
): Promise<readonly NearbyDriver[]> {
  if (search.types.length === 0) return []
  const found = (
    await Promise.all(redis.shards.map(shard => searchShard(redis, keyOf(shard), search)))
  ).flat()
  // A single list is sorted already.
  if (redis.shards.length * search.types.length > 1) found.sort((a, b) => a.distanceKm - b.distanceKm)
  return found.length > search.limit ? found.slice(0, search.limit) : found
}

async function searchShard(redis: PresenceConnection, key: string, search: Search): Promise<NearbyDriver[]> {
  const { rules } = redis
  const now = await redis.now()
  const lapsedAt = now - rules.driverTtlMs
  const [state, stale, found] = await redis.ask(client =>
    Promise.all([
      readState(client, key),
      client.zrangebyscore(`${key}:seen`, '-inf', lapsedAt, 'LIMIT', 0, STALE_EXPECTED),
      Promise.all(search.types.map(type => look(redis, key, type, search, search.limit + STALE_EXPECTED))),
    ]),
  )
  if (isFilling(rules, state, now)) {
    throw new PresenceLost('it was emptied, and heartbeats are filling it')
  }
  if (stale.length < STALE_EXPECTED) return found.flatMap(some => fresh(some, new Set(stale)))
  return await searchAmongStale(redis, key, search, lapsedAt)
}

/** The sweep is late: requests correspondingly more drivers, and drops the expired ones. */
async function searchAmongStale(
  redis: PresenceConnection,
  key: string,
  search: Search,
  lapsedAt: number,
): Promise<NearbyDriver[]> {
  const [stale, found] = await redis.ask(client =>
    Promise.all([
      client.zrangebyscore(`${key}:seen`, '-inf', lapsedAt, 'LIMIT', 0, MAX_STALE),
      Promise.all(search.types.map(type => look(redis, key, type, search, search.limit + MAX_STALE))),
    ]),
  )
  return found.flatMap(some => fresh(some, new Set(stale)))
}

function look(
  redis: PresenceConnection,
  key: string,
  type: string,
  { place, radiusKm }: Search,
  count: number,
): Promise<Found> {
  const lat = Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, place.lat))
  const circle = ['FROMLONLAT', place.lng, lat, 'BYRADIUS', radiusKm, 'km'] as const
  return redis.ask(
    client =>
      client.call(
        'geosearch',
        `${key}:near:${type}`,
        ...circle,
        'ASC',
        'COUNT',
        count,
        'WITHDIST',
      ) as Promise<Found>,
  )
}

function fresh(found: Found, stale: ReadonlySet<string>): NearbyDriver[] {
  const drivers: NearbyDriver[] = []
  for (const [member, km] of found) {
    const bar = member.indexOf('|')
    const driverId = member.slice(0, bar)
    if (stale.size > 0 && stale.has(driverId)) continue
    drivers.push({ driverId, transporterId: member.slice(bar + 1), distanceKm: Number(km) })
  }
  return drivers
}
