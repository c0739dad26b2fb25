/*
 * Tells transporters that a driver's state may have changed. The state is read when it is told, for all waiting drivers in one
 * statement: so the last message always tells the present state, in whatever order the causes came.
 */
import { afterPause, Batcher } from '../../concurrency/batcher.js'
import type { Engine } from '../../runtime/api.js'
import type { Parts } from '../parts.js'
import { personRoom } from '../ports.js'
import { isoTime } from '../views/trip-view.js'
import { orUndefined } from './or-undefined.js'

/** Long enough to gather the trips of one cancelled request, far below what anyone notices. */
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
          // Lists and details are right all the same: they read the truth.
          this.#parts.log.warn({ err: error, drivers: batch.length }, 'changes of drivers could not be told'),
        ),
    })
  }

  /** Returns at once. */
  note(driverId: string, transporterId: string): void {
    this.#batcher.add({ driverId, transporterId })
  }

  /** Resolves when everything noted has been told. */
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
      // It has left this fleet since: no word of it goes there.
      if (known?.transporterId !== transporterId) continue
      // While presence is lost, switched on counts: as lists and details show it.
      const isOnline = known.isSwitchedOn && (states === undefined || states.get(driverId)?.isOnline === true)
      fanout.emit([personRoom({ role: 'transporter', id: transporterId })], {
        type: 'driver_status_changed',
        at: isoTime(engine.now()),
        data: { driverId, isOnline, isBusy: known.isBusy },
      })
    }
  }
}
