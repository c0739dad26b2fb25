/*
 * What many short-lived things pass through while the collection itself lives as long as the process.
 *
 * A `Map` or `Set` that is filled and emptied all the time makes itself a new table every few entries. The old table
 * keeps what was in it then, and the new table too (V8 lets iterators go on that way). Once one such table has been moved
 * to the old generation, all that follow, and what was in them, outlive every collection of the young one: garbage that is
 * copied twice and then waits for a full collection. A place in an array is left without a trace.
 */

/** An unordered collection. Its array grows to the most that were ever in it at once, and stays. */
export class Slab<T extends object> {
  readonly #items: (T | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#items.length - this.#free.length
  }

  /** Its place, by which it is found and removed. */
  add(item: T): number {
    const place = this.#free.pop() ?? this.#items.length
    this.#items[place] = item
    return place
  }

  at(place: number): T | undefined {
    return this.#items[place]
  }

  /** Puts `item` where another is. */
  replace(place: number, item: T): void {
    this.#items[place] = item
  }

  /** Once for each `add`. */
  remove(place: number): void {
    this.#items[place] = undefined
    this.#free.push(place)
  }

  *[Symbol.iterator](): Generator<T> {
    for (const item of this.#items) if (item !== undefined) yield item
  }
}

/** As a `Map`, in order of insertion. What its old tables keep is keys and numbers. */
export class SlabMap<V extends object> {
  readonly #places = new Map<string, number>()
  readonly #values = new Slab<V>()

  get size(): number {
    return this.#places.size
  }

  has(key: string): boolean {
    return this.#places.has(key)
  }

  get(key: string): V | undefined {
    const place = this.#places.get(key)
    return place === undefined ? undefined : this.#values.at(place)
  }

  set(key: string, value: V): void {
    const place = this.#places.get(key)
    if (place === undefined) this.#places.set(key, this.#values.add(value))
    else this.#values.replace(place, value)
  }

  delete(key: string): boolean {
    const place = this.#places.get(key)
    if (place === undefined) return false
    this.#values.remove(place)
    return this.#places.delete(key)
  }

  *[Symbol.iterator](): Generator<[key: string, value: V]> {
    for (const [key, place] of this.#places) yield [key, this.#values.at(place) as V]
  }

  *values(): Generator<V> {
    for (const place of this.#places.values()) yield this.#values.at(place) as V
  }
}
