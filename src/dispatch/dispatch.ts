/*
 * Puts the product together. Engine and dispatch need each other: the engine delivers events to dispatch's subscribers,
 * and dispatch sends events to the engine. So dispatch makes the engine, with the function that it is given.
 */
import type { Engine } from '../runtime/api.js'
import type { Subscriber } from '../runtime/types.js'
import { Redelivery } from './announcements/redeliver.js'
import { reachSubscriber, socketSubscriber } from './announcements/subscribers.js'
import type { Dispatch } from './api.js'
import { FirstStep } from './broadcasts/first-step.js'
import { KnownRequests } from './broadcasts/known-requests.js'
import { RefusedAccepts } from './broadcasts/refused-accepts.js'
import { createCommands } from './commands.js'
import { eventSweep } from './event-sweep.js'
import { DriverStatus } from './fleet/driver-status.js'
import { Drivers } from './fleet/drivers.js'
import { People } from './fleet/people.js'
import { presenceSweep } from './fleet/presence-sweep.js'
import { TurnedOff } from './fleet/turned-off.js'
import { keySweep } from './key-sweep.js'
import type { Parts } from './parts.js'
import type { Fanout, PushSender } from './ports.js'
import { Acknowledgements } from './push/acknowledgements.js'
import { pushSweep } from './push/push-sweep.js'
import { pushSubscriber } from './push/subscriber.js'
import { PushWorker } from './push/worker.js'
import { CatchUp } from './reach/catch-up.js'

export interface DispatchService {
  readonly dispatch: Dispatch
  readonly engine: Engine
  /** Starts the sweeps: silent drivers, pushes to send, and old rows to delete. */
  startSweeps(): void
  /** Starts to learn of ended sessions. Resolves when the process may let callers in. */
  watchSessions(): Promise<void>
  /**
   * Emits the events of the last `forMs` milliseconds again to the sockets of this process, because messages of other
   * processes may have been lost.
   */
  redeliver(forMs: number): void
  /** Resolves when no catch-up and no driver status is in progress. */
  idle(): Promise<void>
  /**
   * Closes the engine, which gets `withinMs` milliseconds to finish, and waits for offers and announcements in
   * progress. The stores must still be open.
   */
  close(options?: { withinMs?: number }): Promise<void>
}

/**
 * Puts the product together. `createEngine` gets the subscribers and returns an engine that is not started yet:
 *
 *   const { dispatch, engine } = createDispatch({
 *     ...parts,
 *     createEngine: subscribers => createEngine({ store, definitions: [broadcastDefinition], subscribers }),
 *   })
 */
export function createDispatch(
  given: Parts & {
    /** Reaches the sockets of this process only. Absent if there is only one process. */
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

  const dispatch = createCommands({ ...all, people, acknowledgements })

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
