/*
 * The clock of a plain actor whose timers ring exactly when they are due, and at one instant in the order in which they
 * were set. XState's SimulatedClock moves to the end first, so that a timer set by another would ring late.
 */
import type { ActorOptions, AnyActorLogic } from 'xstate'

type Clock = NonNullable<ActorOptions<AnyActorLogic>['clock']>

/** More rings than any case needs within one step: timers arm each other without end. */
const MOST_RINGS = 500

interface Timeout {
  readonly dueAt: number
  readonly ring: () => void
}

export class VirtualClock implements Clock {
  #now = 0
  #next = 1
  /** In the order in which they were set. */
  readonly #timeouts = new Map<number, Timeout>()

  setTimeout(ring: (...args: unknown[]) => void, delayMs: number): number {
    const id = this.#next++
    this.#timeouts.set(id, { dueAt: this.#now + delayMs, ring })
    return id
  }

  clearTimeout(id: number): void {
    this.#timeouts.delete(id)
  }

  pass(ms: number): void {
    const until = this.#now + ms
    for (let rung = 0; ; rung++) {
      if (rung > MOST_RINGS) throw new Error('The timers arm each other without end')
      let first: [number, Timeout] | undefined
      for (const entry of this.#timeouts) {
        if (entry[1].dueAt <= until && (first === undefined || entry[1].dueAt < first[1].dueAt)) first = entry
      }
      if (first === undefined) break
      this.#timeouts.delete(first[0])
      this.#now = Math.max(this.#now, first[1].dueAt)
      first[1].ring()
    }
    this.#now = until
  }
}
