/*
 * Presence in Redis, for any number of processes. A heartbeat is one round trip, and so is a search. Nothing here waits
 * for Redis: while it does not answer, every method rejects with `PresenceLost` at once.
 */
import type { DriverState, Point, Presence } from '../../../dispatch/ports.js'
import { PresenceLost } from '../../../dispatch/ports.js'
import type { PresenceConnection } from './connection.js'
import { Heartbeats } from './heartbeats.js'
import { SWEEP_BATCH } from './scripts.js'
import { searchNearby } from './search.js'

export function presenceOver(redis: PresenceConnection, sweeper: string): Presence {
  const heartbeats = redis.shards.map(shard => new Heartbeats(redis, shard))

  function heartbeatsOf(driverId: string): Heartbeats {
    const ofShard = heartbeats[redis.shardOf(driverId)]
    if (ofShard === undefined) throw new Error('A driver belongs to no shard')
    return ofShard
  }

  return {
    async touchTransporters(ids) {
      return new Set((await redis.each('presenceTouch', ids)).flatMap(texts))
    },
    async presentAmong(ids) {
      return new Set((await redis.each('presencePresent', ids)).flatMap(known))
    },
    async dropTransporter(id) {
      await redis.one('presenceDropTransporter', id)
    },

    beatDriver: (id, place) => heartbeatsOf(id).beat(id, place),
    async putDriver(id, { transporterId, vehicle, place }) {
      const { id: vehicleId = '', vehicleType = '' } = vehicle ?? {}
      const { lat = '', lng = '' } = place ?? {}
      return {
        wasOnline:
          (await redis.one('presencePut', id, transporterId, vehicleId, vehicleType, lat, lng)) === 1,
      }
    },
    async setVehicle(ids, vehicle) {
      await redis.each('presenceSetVehicle', ids, [vehicle?.id ?? '', vehicle?.vehicleType ?? ''])
    },
    async dropDriver(id) {
      return { wasOnline: (await redis.one('presenceDrop', id)) === 1 }
    },

    nearby: (place, radiusKm, types, limit) => searchNearby(redis, { place, radiusKm, types, limit }),
    async driversOf(transporterId) {
      const answers = await redis.all('presenceDriversOf', transporterId)
      return answers
        .flatMap(answer => rows(known(answer), 4))
        .map(([driverId = '', vehicleType = '', lat, lng]) => ({
          driverId,
          vehicleType,
          lat: Number(lat),
          lng: Number(lng),
        }))
    },
    async driverStates(ids) {
      const answers = await redis.each('presenceStates', ids)
      return new Map(answers.flatMap(answer => rows(known(answer), 5)).map(toState))
    },

    async lapsedDrivers() {
      const lapsed: { driverId: string; transporterId: string }[] = []
      for (;;) {
        const answers = (await redis.all('presenceSweep', sweeper)).map(texts)
        const found = answers.map(answer => rows(answer, 2))
        for (const [driverId = '', transporterId = ''] of found.flat())
          lapsed.push({ driverId, transporterId })
        if (found.every(some => some.length < SWEEP_BATCH)) return lapsed
      }
    },
  }
}

function toState([id = '', seen, isOnline, lat = '', lng = '']: readonly string[]): [string, DriverState] {
  const place: Point | undefined = lat === '' ? undefined : { lat: Number(lat), lng: Number(lng) }
  return [id, { lastSeenAt: Number(seen), isOnline: isOnline === '1', place }]
}

/** The strings of an answer. A script answers nil while presence is being filled. */
function known(answer: unknown): readonly string[] {
  if (answer === null) throw new PresenceLost('it was emptied, and heartbeats are filling it')
  return texts(answer)
}

function texts(answer: unknown): readonly string[] {
  if (!Array.isArray(answer)) throw new Error(`Expected a list from a script, got ${answer}`)
  return answer.map(String)
}

function rows(values: readonly string[], width: number): (readonly string[])[] {
  const result: (readonly string[])[] = []
  for (let start = 0; start < values.length; start += width) result.push(values.slice(start, start + width))
  return result
}
