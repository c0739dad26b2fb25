/*
 * Collections for many short-lived objects, where the collection lives as long as the process.
 *
 * A `Map` or `Set` that is constantly filled and emptied allocates a new table every few entries. The old table keeps
 * its entries, and it keeps the new table too (V8 lets iterators continue that way). After one such table has moved to
 * the old generation, all later tables and their entries survive every collection of the young generation. They are
 * garbage that is copied twice and then waits for a full collection. A cleared place in an array has no such trace.
 */

/** An unordered collection. Its array grows to the largest size that the collection ever had, and stays that long. */
export class Slab<T extends object> {
  readonly #items: (T | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#items.length - this.#free.length
  }

  /** Returns the item's place, by which it is found and removed. */
  add(item: T): number {
    const place = this.#free.pop() ?? this.#items.length
    this.#items[place] = item
    return place
  }

  at(place: number): T | undefined {
    return this.#items[place]
  }

  /** Replaces the item at `place`. */
  replace(place: number, item: T): void {
    this.#items[place] = item
  }

  /** To be called once for each `add`. */
  remove(place: number): void {
    this.#items[place] = undefined
    this.#free.push(place)
  }

  *[Symbol.iterator](): Generator<T> {
    for (const item of this.#items) if (item !== undefined) yield item
  }
}

/** Like a `Map`, in order of insertion. Its old tables keep only keys and numbers. */
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
