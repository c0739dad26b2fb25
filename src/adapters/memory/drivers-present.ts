/*
 * The drivers of one process: when and where they were last seen, and with which vehicle. Drivers whose presence has
 * expired stay known but are in no index. Their next heartbeat brings them back without a query to the database.
 */
import type { DriverBeat, DriverState, NearbyDriver, Point } from '../../dispatch/ports.js'
import { LastSeen } from './last-seen.js'
import { PlaceIndex } from './place-index.js'

/** About 100 MB. Beyond this, the drivers not seen for longest are forgotten, and looked up again when they return. */
const MAX_DRIVERS = 200_000

type Vehicle = { readonly id: string; readonly vehicleType: string } | undefined

interface Driver {
  readonly id: string
  transporterId: string
  vehicle: Vehicle
  place: Point | undefined
  lastSeenAt: number
}

export class DriversPresent {
  readonly #ttlMs: number
  readonly #seen = new LastSeen<Driver>(MAX_DRIVERS)
  readonly #lapsed = new LastSeen<Driver>(MAX_DRIVERS)
  readonly #places = new Map<string, PlaceIndex<Driver>>()
  readonly #byTransporter = new Map<string, Set<Driver>>()

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs
  }

  beat(id: string, place: Point | undefined, now: number): DriverBeat {
    const driver = this.#find(id)
    if (driver === undefined) return { isKnown: false }
    const wasLapsed = !this.#isOnline(driver, now)
    const isFirstPlace = driver.place === undefined && place !== undefined
    this.#see(driver, place, now)
    const { transporterId, vehicle } = driver
    return { isKnown: true, transporterId, vehicleId: vehicle?.id, wasLapsed, isFirstPlace }
  }

  /** Returns whether the driver was online before. */
  put(id: string, facts: { transporterId: string; vehicle: Vehicle; place?: Point }, now: number): boolean {
    const known = this.#find(id)
    const wasOnline = known !== undefined && this.#isOnline(known, now)
    if (known !== undefined) this.#unindex(known)
    const { transporterId, vehicle, place } = facts
    // A place that the driver reported for another fleet is not passed on to this one.
    const knownPlace = known?.transporterId === transporterId ? known.place : undefined
    const driver = { id, transporterId, vehicle, place: knownPlace, lastSeenAt: now }
    this.#see(driver, place, now)
    return wasOnline
  }

  setVehicle(id: string, vehicle: Vehicle): void {
    const driver = this.#find(id)
    if (driver === undefined) return
    const isIndexed = this.#seen.get(id) !== undefined
    this.#unindex(driver)
    driver.vehicle = vehicle
    if (isIndexed) this.#index(driver)
  }

  /** Returns whether the driver was online before. */
  drop(id: string, now: number): boolean {
    const driver = this.#find(id)
    if (driver === undefined) return false
    this.#unindex(driver)
    this.#seen.delete(id)
    this.#lapsed.delete(id)
    return this.#isOnline(driver, now)
  }

  nearby(
    place: Point,
    radiusKm: number,
    types: readonly string[],
    limit: number,
    now: number,
  ): readonly NearbyDriver[] {
    return types
      .flatMap(type => this.#places.get(type)?.within(place, radiusKm) ?? [])
      .filter(({ item }) => this.#isOnline(item, now))
      .sort((a, b) => a.distanceKm - b.distanceKm)
      .slice(0, limit)
      .map(({ item, distanceKm }) => ({
        driverId: item.id,
        transporterId: item.transporterId,
        distanceKm,
      }))
  }

  of(transporterId: string, now: number): (Point & { driverId: string; vehicleType: string })[] {
    return [...(this.#byTransporter.get(transporterId) ?? [])].flatMap(driver => {
      const { id, place, vehicle } = driver
      if (place === undefined || vehicle === undefined || !this.#isOnline(driver, now)) return []
      return [{ driverId: id, vehicleType: vehicle.vehicleType, ...place }]
    })
  }

  states(ids: readonly string[], now: number): ReadonlyMap<string, DriverState> {
    const states = new Map<string, DriverState>()
    for (const id of ids) {
      const driver = this.#find(id)
      if (driver === undefined) continue
      const { lastSeenAt, place } = driver
      states.set(id, { lastSeenAt, isOnline: this.#isOnline(driver, now), place })
    }
    return states
  }

  takeLapsed(now: number): { driverId: string; transporterId: string }[] {
    return this.#seen.takeBefore(now - this.#ttlMs).map(([driverId, driver]) => {
      this.#unindex(driver)
      this.#lapsed.see(driverId, driver)
      return { driverId, transporterId: driver.transporterId }
    })
  }

  #find(id: string): Driver | undefined {
    return this.#seen.get(id) ?? this.#lapsed.get(id)
  }

  #isOnline(driver: Driver, now: number): boolean {
    return now - driver.lastSeenAt < this.#ttlMs
  }

  #see(driver: Driver, place: Point | undefined, now: number): void {
    driver.lastSeenAt = now
    if (place !== undefined) driver.place = { lat: place.lat, lng: place.lng }
    this.#lapsed.delete(driver.id)
    const forgotten = this.#seen.see(driver.id, driver)
    if (forgotten !== undefined) this.#unindex(forgotten[1])
    this.#index(driver)
  }

  #index(driver: Driver): void {
    const colleagues = this.#byTransporter.get(driver.transporterId)
    if (colleagues === undefined) this.#byTransporter.set(driver.transporterId, new Set([driver]))
    else colleagues.add(driver)
    if (driver.vehicle === undefined || driver.place === undefined) return
    let index = this.#places.get(driver.vehicle.vehicleType)
    if (index === undefined) {
      index = new PlaceIndex()
      this.#places.set(driver.vehicle.vehicleType, index)
    }
    index.set(driver, driver.place)
  }

  #unindex(driver: Driver): void {
    const colleagues = this.#byTransporter.get(driver.transporterId)
    colleagues?.delete(driver)
    if (colleagues?.size === 0) this.#byTransporter.delete(driver.transporterId)
    if (driver.vehicle === undefined) return
    const { vehicleType } = driver.vehicle
    const index = this.#places.get(vehicleType)
    index?.delete(driver)
    if (index?.size === 0) this.#places.delete(vehicleType)
  }
}
