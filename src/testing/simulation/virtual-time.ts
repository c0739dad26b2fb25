/*
 * Time that advances only when nothing is left to do at this instant. Work at the same instant runs in a random order, so
 * that seeds try different orders, and one seed always the same.
 */
import type { Cancel } from '../../runtime/platform.js'
import type { Chance } from './chance.js'

interface Entry {
  readonly time: number
  readonly order: number
  work: (() => void) | undefined
}

export class VirtualTime {
  now = 0
  readonly #chance: Chance
  readonly #heap: Entry[] = []

  constructor(chance: Chance) {
    this.#chance = chance
  }

  after(delayMs: number, work: () => void): Cancel {
    const entry: Entry = { time: this.now + delayMs, order: this.#chance.next(), work }
    this.#push(entry)
    return () => {
      entry.work = undefined
    }
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise(resolve => void this.after(delayMs, resolve))
  }

  /** Advances time until `work` is done. Throws if nothing is left that it could be waiting for. */
  async runUntilDone<T>(work: Promise<T>): Promise<T> {
    let isOver = false
    const over = () => {
      isOver = true
    }
    work.then(over, over)
    for (;;) {
      // All promises that can settle do so before time advances.
      await new Promise<void>(resolve => void setImmediate(resolve))
      if (isOver) return work
      const entry = this.#pop()
      if (entry === undefined) throw new Error('The simulation waits for something that never happens')
      this.now = Math.max(this.now, entry.time)
      entry.work?.()
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let i = heap.length
    heap.push(entry)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, entry)) break
      heap[i] = above
      i = parent
    }
    heap[i] = entry
  }

  /** The next entry that has not been cancelled. */
  #pop(): Entry | undefined {
    for (;;) {
      const first = this.#take()
      if (first === undefined || first.work !== undefined) return first
    }
  }

  #take(): Entry | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      const [left, right] = [heap[child], heap[child + 1]]
      if (left === undefined) break
      let smaller = left
      if (right !== undefined && isBefore(right, left)) {
        smaller = right
        child++
      }
      if (isBefore(last, smaller)) break
      heap[i] = smaller
      i = child
    }
    heap[i] = last
    return first
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.time === b.time ? a.order < b.order : a.time < b.time
}
