/*
 * The product, put together. Engine and dispatch need one another: the engine tells dispatch's subscribers
 * what was emitted, and dispatch sends it events. So dispatch makes the engine, by the function it is given.
 */
import type { Engine } from '../runtime/api.js'
import type { Subscriber } from '../runtime/types.js'
import { type CommandName, refuseRole } from './access.js'
import { listActions } from './admin/actions.js'
import { dropDeadLetter, listDeadLetters, redriveDeadLetter } from './admin/dead-letters.js'
import * as instances from './admin/instances.js'
import { listRecipients } from './admin/recipients.js'
import { tellStory } from './admin/story.js'
import { Redelivery } from './announcements/redeliver.js'
import { reachSubscriber, socketSubscriber } from './announcements/subscribers.js'
import type { Dispatch } from './api.js'
import * as broadcasts from './broadcasts/broadcasts.js'
import { askedByBooking, askedByBroadcast, askedByOrder, create } from './broadcasts/create.js'
import { FirstStep } from './broadcasts/first-step.js'
import { KnownRequests } from './broadcasts/known-requests.js'
import { RefusedAccepts } from './broadcasts/refused-accepts.js'
import { replay } from './broadcasts/replay.js'
import { retry } from './broadcasts/retry.js'
import { seenNow } from './broadcasts/seen-now.js'
import * as trips from './broadcasts/trips.js'
import { eventSweep } from './event-sweep.js'
import { listAnswers } from './fleet/answers.js'
import { DriverStatus } from './fleet/driver-status.js'
import { Drivers } from './fleet/drivers.js'
import * as fleet from './fleet/fleet.js'
import * as membership from './fleet/membership.js'
import { People } from './fleet/people.js'
import { presenceSweep } from './fleet/presence-sweep.js'
import * as transporters from './fleet/transporters.js'
import { TurnedOff } from './fleet/turned-off.js'
import { keySweep } from './key-sweep.js'
import type { Parts } from './parts.js'
import type { Caller } from './person.js'
import type { Fanout, PushSender } from './ports.js'
import type { Result } from './problems.js'
import { Acknowledgements } from './push/acknowledgements.js'
import { registerDevice, removeDevice } from './push/devices.js'
import { pushSweep } from './push/push-sweep.js'
import { pushSubscriber } from './push/subscriber.js'
import { PushWorker } from './push/worker.js'
import { CatchUp } from './reach/catch-up.js'
import { expectingFailures } from './refusals.js'
import { sync } from './resume/sync.js'

export interface DispatchService {
  readonly dispatch: Dispatch
  readonly engine: Engine
  /** Begins to notice drivers that fell silent, to send what is to be pushed, and to forget what is old. */
  startSweeps(): void
  /** Begins to hear whose sessions were ended. Resolves when the process may let callers in. */
  watchSessions(): Promise<void>
  /**
   * Tells the sockets of this process again what was told in the last so many milliseconds: messages of other
   * processes may not have arrived.
   */
  redeliver(forMs: number): void
  /** Resolves when no catch-up and no news of a driver is under way. */
  idle(): Promise<void>
  /**
   * Closes the engine, which is given so long to finish, and waits for offers and announcements under way. The stores
   * must still be open.
   */
  close(options?: { withinMs?: number }): Promise<void>
}

/**
 * `createEngine` is given the subscribers and answers the engine, not started yet:
 *
 *   const { dispatch, engine } = createDispatch({
 *     ...parts,
 *     createEngine: subscribers => createEngine({ store, definitions: [broadcastDefinition], subscribers }),
 *   })
 */
export function createDispatch(
  given: Parts & {
    /** Reaches the sockets of this process only. Absent where there are no others. */
    readonly localFanout?: Fanout
    readonly pushSender: PushSender
    createEngine(subscribers: readonly Subscriber[]): Engine
  },
): DispatchService {
  const engine = given.createEngine([
    reachSubscriber(() => all),
    socketSubscriber(() => all),
    pushSubscriber(() => all),
  ])
  const parts = { ...given, engine }
  const timed = { ...parts, now: () => engine.now() }
  const catchUp = new CatchUp(parts)
  const driverStatus = new DriverStatus(parts)
  const requests = new KnownRequests(engine)
  const refusedAccepts = new RefusedAccepts(parts.answers, parts.log)
  const drivers = new Drivers({ ...parts, catchUp, driverStatus })
  const firstStep = new FirstStep()
  const all = { ...parts, catchUp, drivers, driverStatus, requests, refusedAccepts, firstStep }
  const redelivery = new Redelivery(all, given.localFanout ?? given.fanout)
  const turnedOff = new TurnedOff(all)
  const people = new People({ ...parts, turnedOff })
  const sweeps = [
    presenceSweep(parts, driverStatus),
    turnedOff.sweep,
    keySweep(parts),
    eventSweep(parts),
    pushSweep(timed),
  ]
  const acknowledgements = new Acknowledgements(parts.pushes, timed.now, parts.log)
  const pushWorker = new PushWorker({ ...timed, sender: given.pushSender, meter: given.meter })
  const { getBroadcast, listBroadcasts, sendToBroadcast, history, findReadable } = broadcasts

  const dispatch: Dispatch = {
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

  async function idle() {
    await catchUp.idle()
    await driverStatus.idle()
    await refusedAccepts.idle()
    await acknowledgements.idle()
  }

  return {
    dispatch,
    engine,
    startSweeps() {
      for (const sweep of sweeps) sweep.start()
      pushWorker.start()
    },
    watchSessions: () => people.watch.start(),
    redeliver: forMs => redelivery.request(forMs),
    idle,
    async close(options) {
      await redelivery.stop()
      await people.watch.stop()
      await pushWorker.stop()
      await Promise.all(sweeps.map(sweep => sweep.stop()))
      await catchUp.idle()
      await engine.close(options)
      await idle()
    },
  }
}

/** A command as its row of the access table has it: roles that are not in it are refused before anything is done. */
function allowed<TArgs extends readonly unknown[], T>(
  command: CommandName,
  work: (caller: Caller, ...args: TArgs) => Promise<Result<T>>,
): (caller: Caller, ...args: TArgs) => Promise<Result<T>> {
  return async (caller, ...args) => refuseRole(caller, command) ?? expectingFailures(work(caller, ...args))
}
