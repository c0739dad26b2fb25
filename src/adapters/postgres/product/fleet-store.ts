import type { Pool } from 'pg'
import { type FleetStore, type Person, personKey } from '../../../dispatch/ports.js'
import { gathered } from '../../../runtime/gathered.js'
import { type AcceptQuestion, acceptFacts } from './fleet/accept-facts.js'
import { driverPresenceFacts, getDriver, listDrivers, membersAmong } from './fleet/drivers.js'
import { deleteDriver, fleetOfDriver, joinFleet, leaveFleet } from './fleet/membership.js'
import {
  endedPeople,
  endedWithin,
  endSessions,
  requestsOfInactive,
  seePeople,
  turnOn,
} from './fleet/people.js'
import { putDriver } from './fleet/put-driver.js'
import { setDriver } from './fleet/set-driver.js'
import { availableOwners, setTransporterAvailable } from './fleet/transporters.js'
import { deleteVehicle, listVehicles, putVehicle } from './fleet/vehicles.js'

/**
 * Every method is one statement; those by which a fleet may grow take their transporter's turn. What many ask for at once, one
 * by one, shares a statement. `lookups`: for what is asked by key.
 */
export function createFleetStore(pool: Pool, lookups: Pool = pool): FleetStore {
  const acceptFactsOf = gathered(
    (asked: AcceptQuestion) => JSON.stringify(asked),
    questions => acceptFacts(lookups, questions),
  )
  return {
    seePerson: gathered(personKey, (people: readonly Person[]) => seePeople(lookups, people)),
    async setPersonActive(person, isActive, by) {
      if (!isActive) return (await endSessions(pool, person, { turnOff: true, by })) !== undefined
      await turnOn(pool, person)
      return true
    },
    async endSessions(person, issuedAt) {
      const state = await endSessions(pool, person, { issuedAt })
      if (state === undefined) throw new Error('an upsert without a condition answered no row')
      return state
    },
    endedPeople: people => endedPeople(pool, people),
    requestsOfInactive: those => requestsOfInactive(pool, those),
    endedWithin: ms => endedWithin(lookups, ms),
    acceptFacts: (broadcastId, transporterId, driverId, vehicleId, maxPerDay = 0) =>
      acceptFactsOf({ broadcastId, transporterId, driverId, vehicleId, maxPerDay }),
    putDriver: (transporterId, driver, maxFleet) => putDriver(pool, transporterId, driver, maxFleet),
    deleteDriver: (transporterId, driverId) => deleteDriver(pool, transporterId, driverId),
    getDriver: (transporterId, driverId) => getDriver(pool, transporterId, driverId),
    listDrivers: (transporterId, options) => listDrivers(pool, transporterId, options),
    joinFleet: (driverId, transporterId) => joinFleet(pool, driverId, transporterId),
    leaveFleet: driverId => leaveFleet(pool, driverId),
    fleetOfDriver: (driverId, maxInvitations) => fleetOfDriver(pool, driverId, maxInvitations),
    setDriver: (driverId, change) => setDriver(pool, driverId, change),
    driverPresenceFacts: driverIds => driverPresenceFacts(pool, driverIds),
    putVehicle: (transporterId, vehicle, maxFleet) => putVehicle(pool, transporterId, vehicle, maxFleet),
    deleteVehicle: (transporterId, vehicleId) => deleteVehicle(pool, transporterId, vehicleId),
    listVehicles: (transporterId, options) => listVehicles(pool, transporterId, options),
    setTransporterAvailable: (id, isAvailable, limit) =>
      setTransporterAvailable(pool, id, isAvailable, limit),
    membersAmong: driverIds => membersAmong(pool, driverIds),
    availableOwners: (types, limit) => availableOwners(pool, types, limit),
  }
}
