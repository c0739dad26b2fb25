/*
 * Finds items on the globe by distance. Items are kept in cells of a tenth of a degree, so moving one is cheap and a
 * search reads only the cells that the circle may touch. The index knows nothing about the items.
 */

import type { Point } from '../../dispatch/ports.js'
import { distanceKm, EARTH_RADIUS_KM } from '../../dispatch/reach/distance.js'

/** A cell is about 11 km high: a search within 10 to 75 km reads about ten to two hundred cells. */
const CELLS_PER_DEGREE = 10
const CELLS_AROUND = 360 * CELLS_PER_DEGREE
const CELLS_UP = 180 * CELLS_PER_DEGREE

const row = (lat: number) => Math.min(CELLS_UP - 1, Math.max(0, Math.floor((lat + 90) * CELLS_PER_DEGREE)))
const column = (lng: number) => Math.floor((lng + 180) * CELLS_PER_DEGREE)
const wrap = (col: number) => ((col % CELLS_AROUND) + CELLS_AROUND) % CELLS_AROUND
const cellOf = (point: Point) => row(point.lat) * CELLS_AROUND + wrap(column(point.lng))

export class PlaceIndex<T> {
  readonly #cells = new Map<number, Map<T, Point>>()
  readonly #cellByItem = new Map<T, number>()

  get size(): number {
    return this.#cellByItem.size
  }

  set(item: T, point: Point): void {
    const cell = cellOf(point)
    if (this.#cellByItem.get(item) !== cell) {
      this.delete(item)
      this.#cellByItem.set(item, cell)
    }
    const items = this.#cells.get(cell)
    if (items === undefined) this.#cells.set(cell, new Map([[item, point]]))
    else items.set(item, point)
  }

  delete(item: T): void {
    const cell = this.#cellByItem.get(item)
    if (cell === undefined) return
    this.#cellByItem.delete(item)
    const items = this.#cells.get(cell)
    items?.delete(item)
    if (items?.size === 0) this.#cells.delete(cell)
  }

  /** All items within the radius, in no order. */
  within(centre: Point, radiusKm: number): { item: T; distanceKm: number }[] {
    const found: { item: T; distanceKm: number }[] = []
    for (const items of this.#cellsNear(centre, radiusKm)) {
      for (const [item, point] of items) {
        const distance = distanceKm(centre, point)
        if (distance <= radiusKm) found.push({ item, distanceKm: distance })
      }
    }
    return found
  }

  /** The cells that the circle may touch, or all existing cells if those are fewer. */
  *#cellsNear(centre: Point, radiusKm: number): Iterable<Map<T, Point>> {
    const latReach = ((radiusKm / EARTH_RADIUS_KM) * 180) / Math.PI
    const bottom = row(centre.lat - latReach)
    const top = row(centre.lat + latReach)
    const lngReach = longitudeReach(centre.lat, latReach)
    const left = column(centre.lng - lngReach)
    const columns = Math.min(CELLS_AROUND, column(centre.lng + lngReach) - left + 1)
    if ((top - bottom + 1) * columns > this.#cells.size) {
      yield* this.#cells.values()
      return
    }
    for (let r = bottom; r <= top; r++) {
      for (let c = left; c < left + columns; c++) {
        const items = this.#cells.get(r * CELLS_AROUND + wrap(c))
        if (items !== undefined) yield items
      }
    }
  }
}

/** How many degrees a circle of `latReach` degrees extends to the east and west. 180 if it contains a pole. */
function longitudeReach(lat: number, latReach: number): number {
  if (Math.abs(lat) + latReach >= 90) return 180
  const toRadians = Math.PI / 180
  return Math.asin(Math.sin(latReach * toRadians) / Math.cos(lat * toRadians)) / toRadians
}
