/* The commands of the product: one method for each, behind its row of the access table. */
import { type CommandName, refuseRole } from './access.js'
import { listActions } from './admin/actions.js'
import { dropDeadLetter, listDeadLetters, redriveDeadLetter } from './admin/dead-letters.js'
import * as instances from './admin/instances.js'
import { listRecipients } from './admin/recipients.js'
import { tellStory } from './admin/story.js'
import type { Dispatch } from './api.js'
import * as broadcasts from './broadcasts/broadcasts.js'
import { askedByBooking, askedByBroadcast, askedByOrder, create } from './broadcasts/create.js'
import type { FirstStep } from './broadcasts/first-step.js'
import type { KnownRequests } from './broadcasts/known-requests.js'
import type { RefusedAccepts } from './broadcasts/refused-accepts.js'
import { replay } from './broadcasts/replay.js'
import { retry } from './broadcasts/retry.js'
import { seenNow } from './broadcasts/seen-now.js'
import * as trips from './broadcasts/trips.js'
import { listAnswers } from './fleet/answers.js'
import type { DriverStatus } from './fleet/driver-status.js'
import type { Drivers } from './fleet/drivers.js'
import * as fleet from './fleet/fleet.js'
import * as membership from './fleet/membership.js'
import type { People } from './fleet/people.js'
import * as transporters from './fleet/transporters.js'
import type { PartsWithEngine } from './parts.js'
import type { Caller } from './person.js'
import type { Result } from './problems.js'
import type { Acknowledgements } from './push/acknowledgements.js'
import { registerDevice, removeDevice } from './push/devices.js'
import type { CatchUp } from './reach/catch-up.js'
import { expectingFailures } from './refusals.js'
import { sync } from './resume/sync.js'

export interface CommandParts extends PartsWithEngine {
  readonly acknowledgements: Acknowledgements
  readonly catchUp: CatchUp
  readonly drivers: Drivers
  readonly driverStatus: DriverStatus
  readonly firstStep: FirstStep
  readonly people: People
  readonly refusedAccepts: RefusedAccepts
  readonly requests: KnownRequests
}

/**
 * Returns the product as HTTP and sockets call it. Over 70 lines because it is a table with a row for each command.
 */
export function createCommands(all: CommandParts): Dispatch {
  const { acknowledgements, drivers, people } = all
  const { getBroadcast, listBroadcasts, sendToBroadcast, history, findReadable } = broadcasts

  return {
    isActive: caller => people.isActive(caller),
    admit: token => people.admit(token),
    endedAmong: tokens => people.endedAmong(tokens),
    logout: allowed('logout', (...args) => people.logout(...args)),
    replay: (caller, used) => replay(all, caller, used),
    seenNow: (caller, answer) => seenNow(all, caller, answer),
    mayWatch: async (caller, id) => (await findReadable(all, caller, id)) !== undefined,
    connected: caller => transporters.connected(all, caller),
    stillConnected: ids => transporters.stillConnected(all, ids),

    createBroadcast: allowed('createBroadcast', (caller, body, options) =>
      create(all, caller, askedByBroadcast(body), options),
    ),
    createBooking: allowed('createBroadcast', (caller, body, options) =>
      create(all, caller, askedByBooking(body), options),
    ),
    createOrder: allowed('createBroadcast', (caller, body, options) =>
      create(all, caller, askedByOrder(body), options),
    ),
    retryBroadcast: allowed('retryBroadcast', (...args) => retry(all, ...args)),
    getBroadcast: allowed('getBroadcast', (...args) => getBroadcast(all, ...args)),
    listBroadcasts: allowed('listBroadcasts', (...args) => listBroadcasts(all, ...args)),
    sendToBroadcast: (caller, id, event, options) =>
      allowed(`broadcast.${event.type}`, () => sendToBroadcast(all, caller, id, event, options))(caller),
    history: allowed('getHistory', (...args) => history(all, ...args)),
    sync: allowed('sync', (...args) => sync(all, ...args)),
    registerDevice: allowed('registerDevice', (...args) => registerDevice(all, ...args)),
    removeDevice: allowed('removeDevice', (...args) => removeDevice(all, ...args)),
    acknowledged: (person, envelopeId) => acknowledgements.note({ person, envelopeId }),

    getTrip: allowed('getTrip', (...args) => trips.getTrip(all, ...args)),
    sendToTrip: (caller, id, event, options) =>
      allowed(`trip.${event.type}`, () => trips.sendToTrip(all, caller, id, event, options))(caller),
    listDriverTrips: allowed('listDriverTrips', (...args) => trips.listDriverTrips(all, ...args)),

    setTransporterAvailability: allowed('setTransporterAvailability', (...args) =>
      transporters.setTransporterAvailability(all, ...args),
    ),
    transporterHeartbeat: allowed('transporterHeartbeat', caller =>
      transporters.transporterHeartbeat(all, caller),
    ),
    setDriverAvailability: allowed('setDriverAvailability', (...args) => drivers.setAvailability(...args)),
    driverHeartbeat: allowed('driverHeartbeat', (...args) => drivers.heartbeat(...args)),

    getDriverFleet: allowed('getDriverFleet', (...args) => membership.getDriverFleet(all, ...args)),
    joinFleet: allowed('joinFleet', (...args) => membership.joinFleet(all, ...args)),
    leaveFleet: allowed('leaveFleet', (...args) => membership.leaveFleet(all, ...args)),
    putDriver: allowed('putDriver', (...args) => fleet.putDriver(all, ...args)),
    deleteDriver: allowed('deleteDriver', (...args) => fleet.deleteDriver(all, ...args)),
    getDriver: allowed('getDriver', (...args) => fleet.getDriver(all, ...args)),
    listDrivers: allowed('listFleet', (...args) => fleet.listDrivers(all, ...args)),
    putVehicle: allowed('putVehicle', (...args) => fleet.putVehicle(all, ...args)),
    deleteVehicle: allowed('deleteVehicle', (...args) => fleet.deleteVehicle(all, ...args)),
    listVehicles: allowed('listFleet', (...args) => fleet.listVehicles(all, ...args)),
    listAnswers: allowed('listAnswers', (...args) => listAnswers(all, ...args)),

    endSessions: allowed('administer', (...args) => people.endSessions(...args)),
    setPersonActive: allowed('administer', (...args) => people.setActive(...args)),
    listInstances: allowed('inspect', (...args) => instances.listInstances(all, ...args)),
    getInstance: allowed('inspect', (...args) => instances.getInstance(all, ...args)),
    sendToInstance: allowed('administer', (...args) => instances.sendToInstance(all, ...args)),
    listDeadLetters: allowed('inspect', (...args) => listDeadLetters(all, ...args)),
    redriveDeadLetter: allowed('administer', (...args) => redriveDeadLetter(all, ...args)),
    dropDeadLetter: allowed('administer', (...args) => dropDeadLetter(all, ...args)),
    listRecipients: allowed('inspect', (...args) => listRecipients(all, ...args)),
    tellStory: allowed('inspect', (...args) => tellStory(all, ...args)),
    listAdminActions: allowed('inspect', (...args) => listActions(all, ...args)),
  }
}

/**
 * Guards a command with its row of the access table. A role that is not in the row is refused before anything is done.
 */
function allowed<TArgs extends readonly unknown[], T>(
  command: CommandName,
  work: (caller: Caller, ...args: TArgs) => Promise<Result<T>>,
): (caller: Caller, ...args: TArgs) => Promise<Result<T>> {
  return async (caller, ...args) => refuseRole(caller, command) ?? expectingFailures(work(caller, ...args))
}
