/*
 * What puts drivers into presence, read from the database. After presence was lost every driver's next heartbeat
 * asks for it, within one interval: all that wait are read in one statement, and one statement runs at a time, so
 * that requests find connections free meanwhile.
 */
import { SlabMap } from '../../concurrency/slab.js'
import type { DriverFacts, FleetStore } from '../ports.js'

/** Drivers of one statement. A hundred thousand drivers are a hundred of them, over all processes. */
const BATCH = 1_000

type Answer = DriverFacts | undefined

interface Waiting {
  readonly promise: Promise<Answer>
  resolve(facts: Answer): void
  reject(error: unknown): void
}

export class DriverFactsReader {
  readonly #fleet: Pick<FleetStore, 'driverPresenceFacts'>
  readonly #waiting = new SlabMap<Waiting>()
  #isReading = false

  constructor(fleet: Pick<FleetStore, 'driverPresenceFacts'>) {
    this.#fleet = fleet
  }

  /** As of a statement that begins after the call. Undefined: no such driver. */
  read(driverId: string): Promise<Answer> {
    const others = this.#waiting.get(driverId)
    if (others !== undefined) return others.promise
    const waiting = deferred()
    this.#waiting.set(driverId, waiting)
    if (!this.#isReading) this.#readAll()
    return waiting.promise
  }

  async #readAll(): Promise<void> {
    this.#isReading = true
    await Promise.resolve() // whoever asks in this turn comes along
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, BATCH)
      for (const [id] of batch) this.#waiting.delete(id)
      try {
        const facts = await this.#fleet.driverPresenceFacts(batch.map(([id]) => id))
        for (const [id, { resolve }] of batch) resolve(facts.get(id))
      } catch (error) {
        for (const [, { reject }] of batch) reject(error)
      }
    }
    this.#isReading = false
  }
}

function deferred(): Waiting {
  let resolve: Waiting['resolve'] = () => {}
  let reject: Waiting['reject'] = () => {}
  const promise = new Promise<Answer>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
