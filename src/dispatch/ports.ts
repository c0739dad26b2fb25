/*
 * What the product needs of the world. `adapters/` implement these; one contract suite a port.
 * Times are milliseconds since the epoch, distances kilometres.
 */
import type { StoredInstance } from '../runtime/ports.js'

export interface DriverRecord {
  readonly id: string
  readonly transporterId: string
  readonly name: string
  readonly phone?: string
  /** Switched on; online only while its last heartbeat is young enough too. */
  readonly isSwitchedOn: boolean
  /** The vehicle it named last. */
  readonly vehicleId?: string
  readonly isBusy: boolean
}

export interface VehicleRecord {
  readonly id: string
  readonly transporterId: string
  readonly vehicleType: string
  readonly number: string
  readonly isBusy: boolean
}

/** What an accept is judged by, read together with the request in one query. */
export interface AcceptFacts {
  readonly instance: StoredInstance | undefined
  readonly isUserActive: boolean
  readonly driver: { readonly id: string; readonly name: string; readonly phone?: string } | undefined
  readonly vehicle: { readonly id: string; readonly number: string; readonly vehicleType: string } | undefined
}

export interface TripRecord {
  readonly id: string
  readonly broadcastId: string
  readonly truckId: string
  readonly customerId: string
  readonly transporterId: string
  readonly driverId: string
  readonly vehicleId: string
  readonly status: string
  readonly driver: { readonly id: string; readonly name: string; readonly phone?: string }
  readonly vehicle: { readonly id: string; readonly number: string; readonly vehicleType: string }
  readonly pickup: unknown
  readonly drop: unknown
  readonly goods?: string
  readonly assignedAt: number
  readonly startedAt?: number
  readonly endedAt?: number
}

/** Users and fleets, in Postgres. `…Taken`, `busy` and the like are results, not exceptions. */
export interface FleetStore {
  /** Registers the user if it is new. */
  seeUser(id: string): Promise<{ isActive: boolean }>
  setUserActive(id: string, active: boolean): Promise<void>
  /** Driver and vehicle are undefined unless they belong to the transporter. */
  acceptFacts(
    broadcastId: string,
    transporterId: string,
    driverId: string,
    vehicleId: string,
  ): Promise<AcceptFacts>
  putDriver(
    transporterId: string,
    driver: { id: string; name: string; phone?: string },
  ): Promise<{ kind: 'created' | 'updated'; driver: DriverRecord } | { kind: 'taken' }>
  deleteDriver(transporterId: string, driverId: string): Promise<'deleted' | 'busy' | 'missing'>
  getDriver(driverId: string): Promise<DriverRecord | undefined>
  /** Ordered by id, above `after`. */
  listDrivers(
    transporterId: string,
    options: { after?: string; limit: number; isBusy?: boolean },
  ): Promise<readonly DriverRecord[]>
  /** Switches a driver on or off and, where named, notes its vehicle (which must be its transporter's). */
  setDriverOnline(
    driverId: string,
    isOnline: boolean,
    vehicleId: string | undefined,
  ): Promise<
    | { kind: 'set'; driver: DriverRecord; vehicleType?: string }
    | { kind: 'missing' }
    | { kind: 'vehicleNotInFleet' }
  >
  setDriverVehicle(
    driverId: string,
    vehicleId: string,
  ): Promise<{ kind: 'set'; vehicleType: string } | { kind: 'missing' } | { kind: 'vehicleNotInFleet' }>
  putVehicle(
    transporterId: string,
    vehicle: { id: string; vehicleType: string; number: string },
  ): Promise<{ kind: 'created' | 'updated'; vehicle: VehicleRecord } | { kind: 'taken' } | { kind: 'busy' }>
  deleteVehicle(transporterId: string, vehicleId: string): Promise<'deleted' | 'busy' | 'missing'>
  listVehicles(
    transporterId: string,
    options: { after?: string; limit: number },
  ): Promise<readonly VehicleRecord[]>
  /** Locked per transporter; repeating the held state changes and counts nothing. */
  setTransporterAvailable(
    transporterId: string,
    isAvailable: boolean,
    limit: { changes: number; windowMs: number },
  ): Promise<{ kind: 'set'; changed: boolean } | { kind: 'limited'; retryAfterMs: number }>
  isTransporterAvailable(transporterId: string): Promise<boolean>
  /** Available transporters that own a vehicle of one of the types. */
  availableOwners(vehicleTypes: readonly string[]): Promise<readonly string[]>
  /** What is needed to put a driver back into presence after it was lost. */
  driverPresenceFacts(
    driverId: string,
  ): Promise<
    | { transporterId: string; isSwitchedOn: boolean; vehicleType?: string; isTransporterAvailable: boolean }
    | undefined
  >
  /** Vehicle types that the transporter owns. */
  ownedTypes(transporterId: string): Promise<readonly string[]>
}

/** Who was offered what. The only notified set there is. */
export interface RecipientStore {
  /**
   * Records offers, unless the request has stopped seeking or they had it before.
   * `notOffered` records why others were passed over; it never blocks a later offer.
   * Answers those to whom the offer is new. One statement.
   */
  offer(
    broadcastId: string,
    step: string,
    offers: readonly { transporterId: string; distanceKm?: number }[],
    notOffered: readonly { transporterId: string; reason: string; distanceKm?: number }[],
  ): Promise<readonly string[]>
  /** Everyone who was offered it. */
  notified(broadcastId: string): Promise<readonly string[]>
  countNotified(broadcastIds: readonly string[]): Promise<ReadonlyMap<string, number>>
  wasOffered(broadcastId: string, transporterId: string): Promise<boolean>
  /** False when it was not offered. Repeating is harmless. `isExhausted`: all who were offered it declined. */
  decline(
    broadcastId: string,
    transporterId: string,
    reason: string | undefined,
  ): Promise<{ wasOffered: boolean; isExhausted: boolean }>
}

/** Lists and look-ups over instances and trips, in Postgres. Newest first, below `before` (an id). */
export interface ReadStore {
  listOwned(
    owner: string,
    options: { status?: string; before?: string; limit: number },
  ): Promise<readonly StoredInstance[]>
  listAll(options: { status?: string; before?: string; limit: number }): Promise<readonly StoredInstance[]>
  /** Live requests that the transporter was offered and has not declined. */
  listLiveOffers(
    transporterId: string,
    options: { status?: string; before?: string; limit: number },
  ): Promise<readonly StoredInstance[]>
  /** Live requests that ask for one of the types and that the transporter has not been offered. */
  listUnofferedLive(
    transporterId: string,
    vehicleTypes: readonly string[],
    limit: number,
  ): Promise<readonly StoredInstance[]>
  findTrip(tripId: string): Promise<TripRecord | undefined>
  listDriverTrips(
    driverId: string,
    options: { before?: string; limit: number },
  ): Promise<readonly TripRecord[]>
  /** Whether the user has or had a trip on it, as transporter or driver. */
  hasTripOn(broadcastId: string, userId: string): Promise<boolean>
}

export interface NearbyDriver {
  readonly driverId: string
  readonly transporterId: string
  readonly distanceKm: number
}

/**
 * Who is here, and where. Volatile: filled by heartbeats, and again by them when it is lost.
 * Present and online mean: the last heartbeat is younger than the TTL.
 */
export interface Presence {
  /** Marks a transporter present. `undefined` in `isAvailable` keeps what is known. */
  touchTransporter(transporterId: string, isAvailable?: boolean): Promise<void>
  presentAmong(transporterIds: readonly string[]): Promise<ReadonlySet<string>>
  isTransporterPresent(transporterId: string): Promise<boolean>
  dropTransporter(transporterId: string): Promise<void>
  /**
   * A driver's heartbeat; without a place it keeps the last one.
   * `known: false` when the driver has no entry: the caller then gives its facts with `putDriver`.
   */
  beatDriver(
    driverId: string,
    place: { lat: number; lng: number } | undefined,
  ): Promise<{ known: boolean; wasLapsed: boolean }>
  putDriver(
    driverId: string,
    facts: { transporterId: string; vehicleType?: string; place?: { lat: number; lng: number } },
  ): Promise<void>
  dropDriver(driverId: string): Promise<void>
  /** Online drivers with a vehicle of one of the types within the radius, nearest first, at most `limit`. */
  nearby(
    place: { lat: number; lng: number },
    radiusKm: number,
    vehicleTypes: readonly string[],
    limit: number,
  ): Promise<readonly NearbyDriver[]>
  /** The transporter's online drivers that have a place. */
  driversOf(
    transporterId: string,
  ): Promise<readonly { driverId: string; vehicleType?: string; lat: number; lng: number }[]>
  driverStates(
    driverIds: readonly string[],
  ): Promise<ReadonlyMap<string, { lastSeenAt: number; isOnline: boolean; lat?: number; lng?: number }>>
  /** Drivers whose presence has lapsed since it was last asked; each is named once. */
  lapsedDrivers(): Promise<readonly { driverId: string; transporterId: string }[]>
}

/** What goes out on a socket. `id` names this socket event for good: a repeated delivery carries the same. */
export interface Envelope {
  readonly id?: string
  readonly broadcastId?: string
  readonly tripId?: string
  readonly version?: number
  readonly type: string
  /** ISO 8601 UTC. */
  readonly at: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface Fanout {
  /** One emit to all sockets in any of the rooms; a socket in several gets it once. Chunked inside. */
  emit(rooms: readonly string[], envelope: Envelope): void
  /** Ends every connection of a user, on any process. */
  disconnectUser(userId: string): void
}

export const userRoom = (userId: string) => `user:${userId}`
export const broadcastRoom = (broadcastId: string) => `broadcast:${broadcastId}`
