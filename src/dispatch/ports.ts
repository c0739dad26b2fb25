/*
 * What the product needs of the world. `adapters/` implement these; one contract suite a port.
 * Times are milliseconds since the epoch, distances kilometres.
 */
import type { StoredInstance } from '../runtime/ports.js'
import type { IdempotencyKey, UsedKey } from '../runtime/types.js'

/** A place in a list: opaque to everyone but the store that gave it. */
export type Position = string

export interface DriverRecord {
  readonly id: string
  readonly position: Position
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
  readonly position: Position
  readonly transporterId: string
  readonly vehicleType: string
  readonly number: string
  readonly isBusy: boolean
}

/** A stored request, and where the one who asks stands to it. */
export interface BroadcastRecord {
  readonly instance: StoredInstance
  /** How many transporters were offered it. */
  readonly notified: number
  readonly isOffered: boolean
  readonly hasDeclined: boolean
}

/** What an accept is judged by, read together with the request in one query. */
export interface AcceptFacts {
  readonly broadcast: BroadcastRecord | undefined
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
  readonly driver: { readonly id: string; readonly name: string; readonly phone?: string | undefined }
  readonly vehicle: { readonly id: string; readonly number: string; readonly vehicleType: string }
  readonly pickup: unknown
  readonly drop: unknown
  readonly goods?: string
  readonly assignedAt: number
  readonly startedAt?: number
  readonly endedAt?: number
}

/** Users and fleets, in Postgres. `taken`, `busy` and the like are results, not exceptions. */
export interface FleetStore {
  /** Registers the user if it is new. */
  seeUser(id: string): Promise<{ isActive: boolean }>
  setUserActive(id: string, isActive: boolean): Promise<void>
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
  /** Newest first, below `after`. */
  listDrivers(
    transporterId: string,
    options: { after?: Position; limit: number },
  ): Promise<readonly DriverRecord[]>
  /** Switches a driver on or off, or notes the vehicle it drives, which must be its transporter's. */
  setDriver(
    driverId: string,
    change: { isSwitchedOn?: boolean; vehicleId?: string },
  ): Promise<
    | { kind: 'set'; driver: DriverRecord; vehicle: { id: string; vehicleType: string } | undefined }
    | { kind: 'missing' }
    | { kind: 'vehicleNotInFleet' }
  >
  /** What puts a driver back into presence after that was lost. */
  driverPresenceFacts(driverId: string): Promise<
    | {
        transporterId: string
        isSwitchedOn: boolean
        isBusy: boolean
        vehicle: { id: string; vehicleType: string } | undefined
      }
    | undefined
  >
  /** `drivers`: those who named it last. The type of a busy vehicle stays; its number may change. */
  putVehicle(
    transporterId: string,
    vehicle: { id: string; vehicleType: string; number: string },
  ): Promise<
    | { kind: 'created' | 'updated'; vehicle: VehicleRecord; drivers: readonly string[] }
    | { kind: 'taken' }
    | { kind: 'busy' }
  >
  /** `drivers`: those who named it last; they drive nothing now. */
  deleteVehicle(
    transporterId: string,
    vehicleId: string,
  ): Promise<{ kind: 'deleted'; drivers: readonly string[] } | { kind: 'busy' } | { kind: 'missing' }>
  /** Newest first, below `after`. */
  listVehicles(
    transporterId: string,
    options: { after?: Position; limit: number },
  ): Promise<readonly VehicleRecord[]>
  /** Atomic per transporter; repeating the held state changes and counts nothing. */
  setTransporterAvailable(
    transporterId: string,
    isAvailable: boolean,
    limit: { changes: number; windowMs: number },
  ): Promise<{ kind: 'set'; changed: boolean } | { kind: 'limited'; retryAfterMs: number }>
  /** Available, active transporters that own a vehicle of one of the types; at most `limit`. */
  availableOwners(vehicleTypes: readonly string[], limit: number): Promise<readonly string[]>
  /** Those of the drivers that are on a trip. */
  busyAmong(driverIds: readonly string[]): Promise<ReadonlySet<string>>
}

/** One transporter and one request: offered, or passed over for `reason`. */
export interface OfferEntry {
  readonly broadcastId: string
  readonly transporterId: string
  readonly step: string
  readonly distanceKm?: number
  /** Why it is not offered. It is on record only, and never blocks a later offer. */
  readonly reason?: string
}

export interface Offered {
  readonly broadcastId: string
  readonly transporterId: string
  readonly distanceKm: number | null
  /** False: it was offered at this very step before, by a delivery that may have died before telling. */
  readonly isNew: boolean
  /** How many were offered the request, these included. */
  readonly notified: number
}

/** Who was offered what. The only notified set there is. */
export interface RecipientStore {
  /**
   * Records offers, unless the request has stopped seeking, the transporter is not available, or it
   * had the offer before. Answers whom it is new to, and who had it at the same step. One statement,
   * whatever the number: an ending waits for it or comes before it, so whoever was offered a request
   * hears of its end.
   */
  offer(entries: readonly OfferEntry[]): Promise<readonly Offered[]>
  /** Everyone who was offered it; with `step`, at that step. */
  offered(broadcastId: string, step?: string): Promise<readonly string[]>
  /**
   * `isNew` is false when it was declined before or never offered.
   * `isExhausted`: at least one was offered it, and all of them declined.
   */
  decline(
    broadcastId: string,
    transporterId: string,
    reason: string | undefined,
  ): Promise<{ isNew: boolean; isExhausted: boolean }>
}

/** Lists and look-ups over instances and trips, in Postgres. Newest first, below `before` (an id). */
export interface ReadStore {
  /** The request, if `userId` may read it; without `userId`, whoever asks. */
  findBroadcast(id: string, userId: string | undefined): Promise<BroadcastRecord | undefined>
  listOwned(owner: string, options: BroadcastListOptions): Promise<readonly BroadcastRecord[]>
  listAll(options: BroadcastListOptions): Promise<readonly BroadcastRecord[]>
  /** Live requests that the transporter was offered and has not declined. */
  listLiveOffers(transporterId: string, options: BroadcastListOptions): Promise<readonly BroadcastRecord[]>
  /**
   * Live requests that ask for a type the transporter owns and that it has not been offered, newest
   * first. None while it is not available.
   */
  listUnofferedLive(transporterId: string, limit: number): Promise<readonly LiveRequest[]>
  load(ids: readonly string[]): Promise<readonly StoredInstance[]>
  findTrip(tripId: string): Promise<TripRecord | undefined>
  /** The trip with the request it is of, in one query. */
  findTripAndBroadcast(tripId: string): Promise<{ trip: TripRecord; instance: StoredInstance } | undefined>
  listDriverTrips(
    driverId: string,
    options: { before?: string; limit: number },
  ): Promise<readonly TripRecord[]>
}

/** What decides whether a live request reaches somebody: little, for there may be thousands. */
export interface LiveRequest {
  readonly id: string
  readonly pickup: Point
  /** The state of the machine's reach: `step_1`, …, `everyone`, `done`. */
  readonly reach: string
  readonly reachStepsKm: readonly number[]
  /** The types of open trucks. */
  readonly openTypes: readonly string[]
}

export interface BroadcastListOptions {
  readonly status?: string
  readonly before?: string
  readonly limit: number
}

export interface Point {
  readonly lat: number
  readonly lng: number
}

export interface NearbyDriver {
  readonly driverId: string
  readonly transporterId: string
  readonly distanceKm: number
}

/** What a driver's heartbeat found. */
export type DriverBeat =
  | { readonly isKnown: false }
  | {
      readonly isKnown: true
      readonly transporterId: string
      /** The vehicle it named last. */
      readonly vehicleId: string | undefined
      /** Its presence had lapsed until this heartbeat. */
      readonly wasLapsed: boolean
      /** It had no place until this heartbeat. */
      readonly isFirstPlace: boolean
    }

/**
 * Who is here, and where. Volatile: filled by heartbeats, and again by them when it is lost.
 * Present and online mean: the last heartbeat is younger than the TTL.
 */
export interface Presence {
  /** Marks transporters present. Answers those who were not, until now. */
  touchTransporters(transporterIds: readonly string[]): Promise<ReadonlySet<string>>
  presentAmong(transporterIds: readonly string[]): Promise<ReadonlySet<string>>
  dropTransporter(transporterId: string): Promise<void>
  /**
   * A driver's heartbeat; without a place it keeps the last one.
   * Unknown drivers stay unknown: the caller then gives their facts with `putDriver`.
   */
  beatDriver(driverId: string, place: Point | undefined): Promise<DriverBeat>
  /** A driver is switched on: counts as a heartbeat. Without a place it keeps the last one. */
  putDriver(
    driverId: string,
    facts: {
      transporterId: string
      vehicle: { id: string; vehicleType: string } | undefined
      place?: Point
    },
  ): Promise<{ wasOnline: boolean }>
  /** Notes what known drivers drive now; no heartbeat. */
  setVehicle(
    driverIds: readonly string[],
    vehicle: { id: string; vehicleType: string } | undefined,
  ): Promise<void>
  dropDriver(driverId: string): Promise<{ wasOnline: boolean }>
  /** Online drivers with a vehicle of one of the types within the radius, nearest first, at most `limit`. */
  nearby(
    place: Point,
    radiusKm: number,
    vehicleTypes: readonly string[],
    limit: number,
  ): Promise<readonly NearbyDriver[]>
  /** The transporter's online drivers that have a place and a vehicle. */
  driversOf(transporterId: string): Promise<readonly (Point & { driverId: string; vehicleType: string })[]>
  /** Unknown drivers are absent. */
  driverStates(driverIds: readonly string[]): Promise<ReadonlyMap<string, DriverState>>
  /** Drivers whose presence has lapsed since it was last asked; each lapse is named once. */
  lapsedDrivers(): Promise<readonly { driverId: string; transporterId: string }[]>
}

export interface DriverState {
  readonly lastSeenAt: number
  readonly isOnline: boolean
  readonly place: Point | undefined
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
  /**
   * One emit to all sockets in any of the rooms; a socket in several gets it once. Chunked inside.
   * Sockets in any room of `except` do not get it.
   */
  emit(rooms: readonly string[], envelope: Envelope, except?: readonly string[]): void
  /** Ends every connection of a user, on any process. */
  disconnectUser(userId: string): void
}

export const userRoom = (userId: string) => `user:${userId}`
export const broadcastRoom = (broadcastId: string) => `broadcast:${broadcastId}`

/** A key that has been used. */
export interface KeptKey {
  readonly fingerprint: string
  /** The first success as it was given, if it has been kept. */
  readonly answer: unknown
  /** The transition it caused; null when no instance was concerned. */
  readonly used: UsedKey | null
}

/** Idempotency keys. The engine records those of transitions in their commits; this finds them again. */
export interface IdempotencyStore {
  find(key: IdempotencyKey): Promise<KeptKey | undefined>
  /** Keeps the answer of a success; the first one kept stays. False when the key was used with another payload. */
  save(key: IdempotencyKey, answer: unknown): Promise<boolean>
  /** Deletes up to `limit` keys older than this; answers how many. */
  sweep(olderThanMs: number, limit: number): Promise<number>
}
