import type { Pool } from 'pg'
import type { FleetStore } from '../../dispatch/ports.js'
import { gathered } from '../../runtime/gathered.js'
import { type AcceptQuestion, acceptFacts } from './fleet/accept-facts.js'
import {
  busyAmong,
  deleteDriver,
  driverPresenceFacts,
  getDriver,
  listDrivers,
  putDriver,
} from './fleet/drivers.js'
import { setDriver } from './fleet/set-driver.js'
import { availableOwners, setTransporterAvailable } from './fleet/transporters.js'
import { inactiveAmong, seeUsers, setUserActive } from './fleet/users.js'
import { deleteVehicle, listVehicles, putVehicle } from './fleet/vehicles.js'

/** Every method is one statement; what many ask for at once, one by one, shares it. `lookups`: for what is asked by key. */
export function createFleetStore(pool: Pool, lookups: Pool = pool): FleetStore {
  const acceptFactsOf = gathered(
    (asked: AcceptQuestion) => JSON.stringify(asked),
    questions => acceptFacts(lookups, questions),
  )
  return {
    seeUser: gathered(
      id => id,
      ids => seeUsers(lookups, ids),
    ),
    setUserActive: (id, isActive) => setUserActive(pool, id, isActive),
    inactiveAmong: ids => inactiveAmong(pool, ids),
    acceptFacts: (broadcastId, transporterId, driverId, vehicleId, maxPerDay = 0) =>
      acceptFactsOf({ broadcastId, transporterId, driverId, vehicleId, maxPerDay }),
    putDriver: (transporterId, driver) => putDriver(pool, transporterId, driver),
    deleteDriver: (transporterId, driverId) => deleteDriver(pool, transporterId, driverId),
    getDriver: driverId => getDriver(pool, driverId),
    listDrivers: (transporterId, options) => listDrivers(pool, transporterId, options),
    setDriver: (driverId, change) => setDriver(pool, driverId, change),
    driverPresenceFacts: driverIds => driverPresenceFacts(pool, driverIds),
    putVehicle: (transporterId, vehicle) => putVehicle(pool, transporterId, vehicle),
    deleteVehicle: (transporterId, vehicleId) => deleteVehicle(pool, transporterId, vehicleId),
    listVehicles: (transporterId, options) => listVehicles(pool, transporterId, options),
    setTransporterAvailable: (id, isAvailable, limit) =>
      setTransporterAvailable(pool, id, isAvailable, limit),
    availableOwners: (types, limit) => availableOwners(pool, types, limit),
    busyAmong: driverIds => busyAmong(pool, driverIds),
  }
}
