import type { Precondition } from '../../runtime/types.js'
import type { BroadcastRecord, Position } from './reads.js'

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

export interface DriverFacts {
  readonly transporterId: string
  readonly isSwitchedOn: boolean
  readonly isBusy: boolean
  /** The one it named last. */
  readonly vehicle: { readonly id: string; readonly vehicleType: string } | undefined
}

export interface VehicleRecord {
  readonly id: string
  readonly position: Position
  readonly transporterId: string
  readonly vehicleType: string
  readonly number: string
  readonly isBusy: boolean
}

/** What an accept is judged by, read together with the request in one query. */
export interface AcceptFacts {
  readonly broadcast: BroadcastRecord | undefined
  /** The transporter has had all trips of the day that it may: how long until it may have another one. */
  readonly fullForMs?: number
  readonly isUserActive: boolean
  readonly driver: { readonly id: string; readonly name: string; readonly phone?: string } | undefined
  readonly vehicle: { readonly id: string; readonly number: string; readonly vehicleType: string } | undefined
  /** What must still hold when the accept is committed. Empty unless driver and vehicle exist. */
  readonly preconditions: readonly Precondition[]
}

/** Users and fleets, in Postgres. `taken`, `busy` and the like are results, not exceptions. */
export interface FleetStore {
  /** Registers the user if it is new. */
  seeUser(id: string): Promise<{ isActive: boolean }>
  setUserActive(id: string, isActive: boolean): Promise<void>
  /** Those of the users that are turned off. */
  inactiveAmong(ids: readonly string[]): Promise<readonly string[]>
  /** Driver and vehicle are undefined unless they belong to the transporter. `maxPerDay`: trips of a transporter, 0 for any number. */
  acceptFacts(
    broadcastId: string,
    transporterId: string,
    driverId: string,
    vehicleId: string,
    maxPerDay?: number,
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
  /** Of each driver there is: what puts it back into presence after that was lost. */
  driverPresenceFacts(driverIds: readonly string[]): Promise<ReadonlyMap<string, DriverFacts>>
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
