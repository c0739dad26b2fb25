/*
 * The product, put together. Engine and dispatch need one another: the engine tells dispatch's subscribers
 * what was emitted, and dispatch sends it events. So dispatch makes the engine, by the function it is given.
 */
import type { Engine } from '../runtime/api.js'
import type { Subscriber } from '../runtime/types.js'
import { Retelling } from './announcements/retell.js'
import { reachSubscriber, socketSubscriber } from './announcements/subscribers.js'
import type { Dispatch } from './api.js'
import * as broadcasts from './broadcasts/broadcasts.js'
import { askedByBooking, askedByBroadcast, askedByOrder, create } from './broadcasts/create.js'
import { FirstStep } from './broadcasts/first-step.js'
import { KnownRequests } from './broadcasts/known-requests.js'
import { replay } from './broadcasts/replay.js'
import { retry } from './broadcasts/retry.js'
import * as trips from './broadcasts/trips.js'
import { eventSweep } from './event-sweep.js'
import { DriverStatus } from './fleet/driver-status.js'
import { Drivers } from './fleet/drivers.js'
import * as fleet from './fleet/fleet.js'
import { presenceSweep } from './fleet/presence-sweep.js'
import * as transporters from './fleet/transporters.js'
import { Users } from './fleet/users.js'
import { keySweep } from './key-sweep.js'
import type { Parts } from './parts.js'
import type { Fanout } from './ports.js'
import { CatchUp } from './reach/catch-up.js'
import { expectingFailures } from './refusals.js'
import { sync } from './resume/sync.js'

export interface DispatchService {
  readonly dispatch: Dispatch
  readonly engine: Engine
  /** Begins to notice drivers that fell silent, and to forget old idempotency keys. */
  startSweeps(): void
  /**
   * Tells the sockets of this process again what was told in the last so many milliseconds: messages of other
   * processes may not have arrived.
   */
  retell(forMs: number): void
  /** Resolves when no catch-up and no news of a driver is under way. */
  idle(): Promise<void>
  /** Closes the engine, and waits for offers and announcements under way. The stores must still be open. */
  close(): Promise<void>
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
    createEngine(subscribers: readonly Subscriber[]): Engine
  },
): DispatchService {
  const engine = given.createEngine([reachSubscriber(() => all), socketSubscriber(() => all)])
  const parts = { ...given, engine }
  const catchUp = new CatchUp(parts)
  const driverStatus = new DriverStatus(parts)
  const requests = new KnownRequests(engine)
  const all = { ...parts, catchUp, driverStatus, requests, firstStep: new FirstStep() }
  const retelling = new Retelling(all, given.localFanout ?? given.fanout)
  const drivers = new Drivers(all)
  const users = new Users(parts)
  const sweeps = [presenceSweep(parts, driverStatus), keySweep(parts), eventSweep(parts)]
  const expecting = expectingFailures

  const dispatch: Dispatch = {
    isActive: caller => users.isActive(caller),
    inactiveAmong: ids => users.inactiveAmong(ids),
    setUserActive: (caller, id, active) => expecting(users.setActive(caller, id, active)),

    createBroadcast: (caller, body, options) =>
      expecting(create(all, caller, askedByBroadcast(body), options)),
    createBooking: (caller, body, options) => expecting(create(all, caller, askedByBooking(body), options)),
    createOrder: (caller, body, options) => expecting(create(all, caller, askedByOrder(body), options)),
    retryBroadcast: (...args) => expecting(retry(all, ...args)),
    replay: (caller, used) => replay(all, caller, used),
    getBroadcast: (...args) => expecting(broadcasts.getBroadcast(all, ...args)),
    listBroadcasts: (...args) => expecting(broadcasts.listBroadcasts(all, ...args)),
    sendToBroadcast: (...args) => expecting(broadcasts.sendToBroadcast(all, ...args)),
    history: (...args) => expecting(broadcasts.history(all, ...args)),
    sync: (...args) => expecting(sync(all, ...args)),
    mayWatch: async (caller, id) => (await broadcasts.findReadable(all, caller, id)) !== undefined,

    getTrip: (...args) => expecting(trips.getTrip(all, ...args)),
    sendToTrip: (...args) => expecting(trips.sendToTrip(all, ...args)),
    listDriverTrips: (...args) => expecting(trips.listDriverTrips(all, ...args)),

    setTransporterAvailability: (...args) => expecting(transporters.setTransporterAvailability(all, ...args)),
    transporterHeartbeat: caller => expecting(transporters.transporterHeartbeat(all, caller)),
    connected: caller => transporters.connected(all, caller),
    stillConnected: ids => transporters.stillConnected(all, ids),
    setDriverAvailability: (...args) => expecting(drivers.setAvailability(...args)),
    driverHeartbeat: (...args) => expecting(drivers.heartbeat(...args)),

    putDriver: (...args) => expecting(fleet.putDriver(all, ...args)),
    deleteDriver: (...args) => expecting(fleet.deleteDriver(all, ...args)),
    getDriver: (...args) => expecting(fleet.getDriver(all, ...args)),
    listDrivers: (...args) => expecting(fleet.listDrivers(all, ...args)),
    putVehicle: (...args) => expecting(fleet.putVehicle(all, ...args)),
    deleteVehicle: (...args) => expecting(fleet.deleteVehicle(all, ...args)),
    listVehicles: (...args) => expecting(fleet.listVehicles(all, ...args)),
  }

  async function idle() {
    await catchUp.idle()
    await driverStatus.idle()
  }

  return {
    dispatch,
    engine,
    startSweeps() {
      for (const sweep of sweeps) sweep.start()
    },
    retell: forMs => retelling.request(forMs),
    idle,
    async close() {
      await retelling.stop()
      await Promise.all(sweeps.map(sweep => sweep.stop()))
      await catchUp.idle()
      await engine.close()
      await idle()
    },
  }
}
