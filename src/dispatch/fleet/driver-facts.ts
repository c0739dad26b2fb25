/*
 * What puts drivers into presence, read from the database. After presence was lost, each driver's next heartbeat asks for it
 * within one interval: all that wait are read in one statement, and one statement runs at a time, so that requests find
 * connections free meanwhile.
 */
import { Batcher, inThisTick } from '../../concurrency/batcher.js'
import type { DriverFacts, FleetStore } from '../ports.js'

/** Drivers of one statement. A hundred thousand drivers are a hundred of them, over all processes. */
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

  /** As of a statement that begins after the call. Undefined: no such driver. */
  read(driverId: string): Promise<DriverFacts | undefined> {
    return this.#batcher.add(driverId)
  }
}
