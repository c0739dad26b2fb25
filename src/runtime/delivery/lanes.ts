/*
 * What this process has yet to deliver, and in which order: each subscriber has a lane for each instance, in which one
 * delivery waits for the one before it, or for each event where order does not matter.
 */
import { SlabMap } from '../../concurrency/slab.js'
import type { DeliveryKey, EmittedEvent, Subscriber } from '../types.js'

/** Deliveries held in memory for one subscriber; more are left to the sweeper. */
const MAX_HELD = 20_000

export class Lanes {
  /** Tail of each lane. */
  readonly #tails = new SlabMap<Promise<void>>()
  readonly #held = new SlabMap<DeliveryKey>()
  readonly #heldBy = new Map<string, number>()
  #era = 0

  /** Grows when the database has another history: keys of an earlier era may name other events now. */
  get era(): number {
    return this.#era
  }

  /**
   * Does `work` after what its lane holds; in an idle lane at once, in this very tick. Does nothing for a delivery that is held
   * already, as a sweep finds it when its lease has run out, or beyond what one subscriber may hold. `work` never rejects.
   */
  add(
    { name: subscriber, isUnordered }: Subscriber,
    { instance, version, index }: EmittedEvent,
    work: (key: DeliveryKey, era: number) => Promise<void>,
  ): void {
    const key = { instance, version, index, subscriber }
    const name = `${instance} ${version} ${index} ${subscriber}`
    const count = this.#heldBy.get(subscriber) ?? 0
    if (this.#held.has(name) || count >= MAX_HELD) return
    this.#held.set(name, key)
    this.#heldBy.set(subscriber, count + 1)
    const era = this.#era
    const laneName = isUnordered ? name : `${subscriber} ${instance}`
    const before = this.#tails.get(laneName)
    const tail = (before === undefined ? work(key, era) : before.then(() => work(key, era))).finally(() => {
      if (era === this.#era) {
        this.#held.delete(name)
        this.#heldBy.set(subscriber, (this.#heldBy.get(subscriber) ?? 1) - 1)
      }
      if (this.#tails.get(laneName) === tail) this.#tails.delete(laneName)
    })
    this.#tails.set(laneName, tail)
  }

  held(): readonly DeliveryKey[] {
    return [...this.#held.values()]
  }

  /** Begins another era. What is under way goes on, and holds nothing any more. */
  forget(): void {
    this.#era++
    for (const [name] of this.#held) this.#held.delete(name)
    this.#heldBy.clear()
  }

  /** Resolves when all that the lanes hold now is done. */
  async settled(): Promise<void> {
    await Promise.all(this.#tails.values())
  }

  /** Resolves when the lanes are empty. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await this.settled()
  }
}
