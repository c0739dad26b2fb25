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
  | {
      readonly isKnown: false
      /** Presence itself was lost and is being filled again: that the driver is unknown tells nothing of it. */
      readonly isRefill?: true
    }
  | {
      readonly isKnown: true
      readonly transporterId: string
      /** The vehicle it named last. */
      readonly vehicleId: string | undefined
      /** Its presence had lapsed until this heartbeat. */
      readonly wasLapsed: boolean
      /** It had no place until this heartbeat. */
      readonly isFirstPlace: boolean
      /** What is known of it was given long ago: to be read again, and given again with `putDriver`. */
      readonly areFactsOld?: true
    }

/**
 * Presence cannot be asked, or was emptied and not every heartbeat has had its turn since: who is absent from it may
 * be here all the same. Nobody waits for it to come back: what asks goes on with what the database knows.
 */
export class PresenceLost extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(`Presence is lost: ${reason}`, options)
    this.name = 'PresenceLost'
  }
}

/**
 * Who is here, and where. Volatile: filled by heartbeats, and again by them when it is lost.
 * Present and online mean: the last heartbeat is younger than the TTL.
 * Every method may reject with `PresenceLost`, at once; those that only fill it do not while it is being filled.
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
