/*
 * Who is near: plain commands in one pipeline, no script, for Redis' own answer to a search is the cheapest there is.
 * What it finds carries everything that is needed (id|transporter), and who of them lapsed is known from the other
 * end: the drivers not seen for longest, asked for in the same breath, are few, as the sweep takes them out each
 * second. Only where the sweep lags behind is there a second round trip.
 */
import type { NearbyDriver, Point } from '../../../dispatch/ports.js'
import { PresenceLost } from '../../../dispatch/ports.js'
import { gapMs, keyOf, type PresenceConnection, type PresenceRules } from './connection.js'
import { MAX_LATITUDE } from './scripts.js'

/** More lapse in a second only when much is lost at once. */
const STALE_EXPECTED = 100
/** Then so many are looked through: a search that finds more would hold up everybody else. */
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
  // Each list comes in this order already.
  if (redis.shards.length * search.types.length > 1) found.sort((a, b) => a.distanceKm - b.distanceKm)
  return found.length > search.limit ? found.slice(0, search.limit) : found
}

async function searchShard(redis: PresenceConnection, key: string, search: Search): Promise<NearbyDriver[]> {
  const { rules } = redis
  const [time, state, oldest, found] = await redis.ask(client =>
    Promise.all([
      rules.now === undefined ? client.time() : undefined,
      client.hmget(`${key}:state`, 'since', 'pulse'),
      client.zrange(`${key}:seen`, 0, STALE_EXPECTED - 1, 'WITHSCORES'),
      Promise.all(search.types.map(type => look(redis, key, type, search, search.limit + STALE_EXPECTED))),
    ]),
  )
  const now = time === undefined ? (rules.now?.() ?? 0) : Number(time[0]) * 1_000 + Number(time[1]) / 1_000
  if (isFilling(rules, state, now)) {
    throw new PresenceLost('it was emptied, and heartbeats are filling it')
  }
  const stale = staleAmong(oldest, now - rules.driverTtlMs)
  if (stale.size < STALE_EXPECTED) return found.flatMap(some => fresh(some, stale))
  return await searchAmongStale(redis, key, search, now - rules.driverTtlMs)
}

/** The sweep lags behind: so many more are asked for, and all who lapsed are told apart. */
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

function staleAmong(oldest: readonly string[], lapsedAt: number): ReadonlySet<string> {
  const stale = new Set<string>()
  for (let i = 0; i < oldest.length && Number(oldest[i + 1]) <= lapsedAt; i += 2) stale.add(oldest[i] ?? '')
  return stale
}

/** As the scripts have it. */
function isFilling({ fillMs, driverTtlMs }: PresenceRules, state: (string | null)[], now: number): boolean {
  if (fillMs === 0) return false
  const [since, pulse] = state
  if (since == null || pulse == null) return true
  return now - Number(since) < fillMs || now - Number(pulse) > gapMs(driverTtlMs)
}
