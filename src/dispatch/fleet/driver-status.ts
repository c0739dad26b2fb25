/*
 * Tells transporters that a driver's state may have changed. One statement reads the states of all waiting drivers just
 * before they are sent. So the last message always has the present state, in whatever order the causes came.
 */
import { afterPause, Batcher } from '../../concurrency/batcher.js'
import type { Engine } from '../../runtime/api.js'
import type { Parts } from '../parts.js'
import { personRoom } from '../ports.js'
import { isoTime } from '../views/trip-view.js'
import { orUndefined } from './or-undefined.js'

/** Long enough to gather the trips of one cancelled request, and too short to be noticed. */
const GATHER_MS = 20
/** Drivers of one statement. */
const BATCH = 1_000

interface StatusParts extends Pick<Parts, 'fleet' | 'presence' | 'fanout' | 'log'> {
  readonly engine: Engine
}

/** A driver whose state may have changed, and the transporter to tell. */
interface Change {
  readonly driverId: string
  readonly transporterId: string
}

export class DriverStatus {
  readonly #parts: StatusParts
  readonly #batcher: Batcher<Change>

  constructor(parts: StatusParts) {
    this.#parts = parts
    this.#batcher = new Batcher({
      maxBatch: BATCH,
      begin: afterPause(GATHER_MS),
      nameOf: ({ driverId }) => driverId,
      work: batch =>
        this.#tell(batch).catch(error =>
          // Lists and details are still correct: they read the present state.
          this.#parts.log.warn({ err: error, drivers: batch.length }, 'changes of drivers could not be sent'),
        ),
    })
  }

  /** Returns at once. */
  note(driverId: string, transporterId: string): void {
    this.#batcher.add({ driverId, transporterId })
  }

  /** Resolves when everything noted has been sent. */
  idle(): Promise<void> {
    return this.#batcher.idle()
  }

  async #tell(batch: readonly Change[]): Promise<void> {
    const { engine, fleet, fanout, presence } = this.#parts
    const ids = batch.map(({ driverId }) => driverId)
    const [members, states] = await Promise.all([
      fleet.membersAmong(ids),
      orUndefined(presence.driverStates(ids)),
    ])
    for (const { driverId, transporterId } of batch) {
      const known = members.get(driverId)
      // The driver has left this fleet, which must learn nothing more about it.
      if (known?.transporterId !== transporterId) continue
      // While presence is lost, a driver that is switched on counts as online, as in lists and details.
      const isOnline = known.isSwitchedOn && (states === undefined || states.get(driverId)?.isOnline === true)
      fanout.emit([personRoom({ role: 'transporter', id: transporterId })], {
        type: 'driver_status_changed',
        at: isoTime(engine.now()),
        data: { driverId, isOnline, isBusy: known.isBusy },
      })
    }
  }
}
