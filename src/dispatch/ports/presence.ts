export interface Point {
  readonly lat: number
  readonly lng: number
}

export interface NearbyDriver {
  readonly driverId: string
  readonly transporterId: string
  readonly distanceKm: number
}

/** The result of a driver's heartbeat. */
export type DriverBeat =
  | {
      readonly isKnown: false
      /** Presence was lost and is being filled again, so an unknown driver may still be present. */
      readonly isRefill?: true
    }
  | {
      readonly isKnown: true
      readonly transporterId: string
      /** The vehicle that the driver named last. */
      readonly vehicleId: string | undefined
      /** The driver's presence had lapsed before this heartbeat. */
      readonly wasLapsed: boolean
      /** The driver had no location before this heartbeat. */
      readonly isFirstPlace: boolean
      /** The known facts are old. The caller should read them again and pass them to `putDriver`. */
      readonly areFactsOld?: true
    }

/**
 * Presence cannot be reached, or it was emptied and not every driver has sent a heartbeat since. Drivers that it does
 * not know may be present. Callers do not wait for it: they continue with what the database knows.
 */
export class PresenceLost extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(`Presence is lost: ${reason}`, options)
    this.name = 'PresenceLost'
  }
}

/**
 * Who is present, and where. It is volatile: heartbeats fill it, and fill it again after a loss. Present and online
 * mean that the last heartbeat is younger than the TTL. Every method may reject at once with `PresenceLost`. Methods
 * that only fill presence do not reject while it is being filled.
 */
export interface Presence {
  /** Marks transporters present. Returns those that were not present before. */
  touchTransporters(transporterIds: readonly string[]): Promise<ReadonlySet<string>>
  presentAmong(transporterIds: readonly string[]): Promise<ReadonlySet<string>>
  dropTransporter(transporterId: string): Promise<void>
  /**
   * A driver's heartbeat. Without a location the last one stays. An unknown driver stays unknown: the caller then
   * passes its facts to `putDriver`.
   */
  beatDriver(driverId: string, place: Point | undefined): Promise<DriverBeat>
  /** A driver is switched on, which counts as a heartbeat. Without a location the last one stays. */
  putDriver(
    driverId: string,
    facts: {
      transporterId: string
      vehicle: { id: string; vehicleType: string } | undefined
      place?: Point
    },
  ): Promise<{ wasOnline: boolean }>
  /** Sets the vehicle of known drivers. This is no heartbeat. */
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
  /** Drivers whose presence has lapsed since the last call. Each lapse is returned once. */
  lapsedDrivers(): Promise<readonly { driverId: string; transporterId: string }[]>
}

export interface DriverState {
  readonly lastSeenAt: number
  readonly isOnline: boolean
  readonly place: Point | undefined
}
