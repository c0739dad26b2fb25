/*
 * Reads the facts that put drivers into presence from the database. After presence was lost, each driver's next
 * heartbeat needs them within one heartbeat interval. One statement reads all waiting drivers, and one statement runs
 * at a time, so that requests find free connections.
 */
import { Batcher, inThisTick } from '../../concurrency/batcher.js'
import type { DriverFacts, FleetStore } from '../ports.js'

/** Drivers of one statement. A hundred thousand drivers take a hundred statements, over all processes. */
const BATCH = 1_000

export class DriverFactsReader {
  readonly #batcher: Batcher<string, DriverFacts | undefined>

  constructor(fleet: Pick<FleetStore, 'driverPresenceFacts'>) {
    this.#batcher = new Batcher({
      maxBatch: BATCH,
      begin: inThisTick,
      nameOf: id => id,
      async work(ids) {
        const facts = await fleet.driverPresenceFacts(ids)
        return ids.map(id => facts.get(id))
      },
    })
  }

  /** Returns facts from a statement that begins after the call. `undefined`: there is no such driver. */
  read(driverId: string): Promise<DriverFacts | undefined> {
    return this.#batcher.add(driverId)
  }
}
