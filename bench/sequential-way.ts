/*
 * Presence in the usual way: a hash for each driver and one geo set, with each command sent after the answer to the one
 * before. For comparison only.
 */
import type { Redis } from 'ioredis'
import type { Point } from '../src/dispatch/ports.js'

const NEAR = 'sequential:near'
const keyOf = (id: string) => `sequential:driver:${id}`
const TTL_SECONDS = 3_600

export function createSequentialWay(redis: Redis) {
  return {
    async put(id: string, transporterId: string, { lat, lng }: Point): Promise<void> {
      const pipeline = redis.pipeline()
      pipeline.hset(keyOf(id), { transporterId, lat, lng, lastSeenAt: Date.now() })
      pipeline.expire(keyOf(id), TTL_SECONDS)
      pipeline.geoadd(NEAR, lng, lat, id)
      await pipeline.exec()
    },

    async beat(id: string, { lat, lng }: Point): Promise<void> {
      await redis.hgetall(keyOf(id))
      await redis.hset(keyOf(id), { lat, lng, lastSeenAt: Date.now() })
      await redis.expire(keyOf(id), TTL_SECONDS)
      await redis.geoadd(NEAR, lng, lat, id)
    },

    async nearby({ lat, lng }: Point, radiusKm: number) {
      const found = (await redis.geosearch(
        NEAR,
        'FROMLONLAT',
        lng,
        lat,
        'BYRADIUS',
        radiusKm,
        'km',
        'ASC',
        'WITHDIST',
      )) as [string, string][]
      const drivers = []
      for (const [id, km] of found) {
        const driver = await redis.hgetall(keyOf(id))
        if (Date.now() - Number(driver.lastSeenAt) < TTL_SECONDS * 1_000) {
          drivers.push({ driverId: id, transporterId: driver.transporterId, distanceKm: Number(km) })
        }
      }
      return drivers
    },
  }
}
