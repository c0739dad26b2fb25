/*
 * Tells transporters that a driver's state may have changed. What is told is read when it is told, for all who
 * wait in one go: so the last thing told is always the present truth, in whatever order the causes came.
 */
import type { Engine } from '../../runtime/api.js'
import type { Parts } from '../parts.js'
import { personRoom } from '../ports.js'
import { isoTime } from '../views/trip-view.js'
import { unlessLost } from './unless-lost.js'

/** Long enough to gather the trips of one cancelled request, far below what anyone notices. */
const GATHER_MS = 20
/** Drivers of one question to the database. */
const BATCH = 1_000

interface StatusParts extends Pick<Parts, 'fleet' | 'presence' | 'fanout' | 'log'> {
  readonly engine: Engine
}

export class DriverStatus {
  readonly #parts: StatusParts
  /** Driver → transporter. */
  readonly #waiting = new Map<string, string>()
  #telling: Promise<void> | undefined

  constructor(parts: StatusParts) {
    this.#parts = parts
  }

  /** Returns at once. */
  note(driverId: string, transporterId: string): void {
    this.#waiting.set(driverId, transporterId)
    this.#telling ??= this.#tellAll()
  }

  /** Resolves when everything noted has been told. */
  async idle(): Promise<void> {
    await this.#telling
  }

  async #tellAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      await new Promise(resolve => setTimeout(resolve, GATHER_MS))
      const batch = [...this.#waiting].slice(0, BATCH)
      for (const [driverId] of batch) this.#waiting.delete(driverId)
      await this.#tell(batch).catch(error =>
        // Lists and details are right all the same: they read the truth.
        this.#parts.log.warn({ err: error, drivers: batch.length }, 'changes of drivers could not be told'),
      )
    }
    // In the same tick as the last look: whoever notes a driver after it begins anew.
    this.#telling = undefined
  }

  async #tell(batch: readonly (readonly [driverId: string, transporterId: string])[]): Promise<void> {
    const { engine, fleet, fanout, presence } = this.#parts
    const ids = batch.map(([driverId]) => driverId)
    const [members, states] = await Promise.all([
      fleet.membersAmong(ids),
      unlessLost(presence.driverStates(ids)),
    ])
    for (const [driverId, transporterId] of batch) {
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
