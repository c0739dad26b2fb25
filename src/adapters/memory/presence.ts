/* Presence in one process, which a cluster keeps in Redis. It is lost when the process ends; heartbeats fill it again. */
import type { Presence } from '../../dispatch/ports.js'
import { DriversPresent } from './drivers-present.js'
import { LastSeen } from './last-seen.js'

/** Far more than one process serves. The limit keeps forged ids from filling the memory. */
const MAX_TRANSPORTERS = 200_000

export interface MemoryPresenceOptions {
  readonly transporterTtlMs: number
  readonly driverTtlMs: number
  /** A clock in milliseconds. Only differences matter; `lastSeenAt` is given in its time. */
  readonly now?: () => number
}

export function createMemoryPresence({
  transporterTtlMs,
  driverTtlMs,
  now = Date.now,
}: MemoryPresenceOptions): Presence {
  const transporters = new LastSeen<{ lastSeenAt: number }>(MAX_TRANSPORTERS)
  const drivers = new DriversPresent(driverTtlMs)

  const isPresent = (id: string) => {
    const entry = transporters.get(id)
    return entry !== undefined && now() - entry.lastSeenAt < transporterTtlMs
  }

  return {
    async touchTransporters(ids) {
      const newcomers = new Set(ids.filter(id => !isPresent(id)))
      for (const id of ids) transporters.see(id, { lastSeenAt: now() })
      transporters.takeBefore(now() - transporterTtlMs)
      return newcomers
    },
    presentAmong: async ids => new Set(ids.filter(isPresent)),
    async dropTransporter(id) {
      transporters.delete(id)
    },
    beatDriver: async (driverId, place) => drivers.beat(driverId, place, now()),
    putDriver: async (driverId, facts) => ({ wasOnline: drivers.put(driverId, facts, now()) }),
    async setVehicle(driverIds, vehicle) {
      for (const id of driverIds) drivers.setVehicle(id, vehicle)
    },
    dropDriver: async driverId => ({ wasOnline: drivers.drop(driverId, now()) }),
    nearby: async (place, radiusKm, types, limit) => drivers.nearby(place, radiusKm, types, limit, now()),
    driversOf: async transporterId => drivers.of(transporterId, now()),
    driverStates: async ids => drivers.states(ids, now()),
    lapsedDrivers: async () => drivers.takeLapsed(now()),
  }
}
