import type { Precondition } from '../../runtime/types.js'
import type { Person, PersonState } from '../person.js'
import type { BroadcastRecord, Position } from './reads.js'

export interface DriverRecord {
  readonly id: string
  readonly position: Position
  readonly transporterId: string
  readonly name: string
  readonly phone?: string
  /** The driver has agreed to be in this fleet. Before that, only what the transporter entered is known. */
  readonly isConfirmed: boolean
  /** The driver is switched on. It is online only if its last heartbeat is also recent enough. */
  readonly isSwitchedOn: boolean
  /** The vehicle that the driver named last. */
  readonly vehicleId?: string
  readonly isBusy: boolean
}

export interface DriverFacts {
  readonly transporterId: string
  readonly isSwitchedOn: boolean
  readonly isBusy: boolean
  /** The vehicle that the driver named last. */
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

/** A driver's fleet and its invitations. */
export interface DriverFleet {
  readonly transporterId: string | null
  /** Newest first. */
  readonly invitations: readonly { readonly transporterId: string; readonly invitedAt: number }[]
}

/** What decides an accept, read together with the request in one query. */
export interface AcceptFacts {
  readonly broadcast: BroadcastRecord | undefined
  /** The transporter has reached its number of trips per day: milliseconds until it may have another one. */
  readonly fullForMs?: number
  readonly isUserActive: boolean
  readonly driver: { readonly id: string; readonly name: string; readonly phone?: string } | undefined
  /** The driver is invited into this fleet and has not agreed. */
  readonly isInvited: boolean
  readonly isDriverActive: boolean
  readonly vehicle: { readonly id: string; readonly number: string; readonly vehicleType: string } | undefined
  /** What must still hold when the accept is committed. Empty unless driver and vehicle exist. */
  readonly preconditions: readonly Precondition[]
}

/** People and fleets, in Postgres. `taken`, `busy` and the like are results, not exceptions. */
export interface FleetStore {
  /** Registers the person if it is new. */
  seePerson(person: Person): Promise<PersonState>
  /**
   * Turning a person off ends all its sessions; turning it on does not bring them back. `by`: the administrator who
   * turns another one off. Returns false, and does nothing, if that administrator is itself turned off.
   */
  setPersonActive(person: Person, isActive: boolean, by?: string): Promise<boolean>
  /** Ends all sessions. `issuedAt`: when a token was issued that must end in any case, in seconds. */
  endSessions(person: Person, issuedAt?: number): Promise<PersonState>
  /** Returns the people that are turned off or have had sessions ended. */
  endedPeople(people: readonly Person[]): Promise<readonly (Person & PersonState)[]>
  /** Seeking requests of customers that are turned off: of one, or of all turned off within so many milliseconds. */
  requestsOfInactive(those: {
    readonly customerId?: string | undefined
    readonly withinMs?: number | undefined
  }): Promise<readonly string[]>
  /** People whose sessions were ended within the last `ms` milliseconds. */
  endedWithin(ms: number): Promise<readonly (Person & PersonState)[]>
  /**
   * Driver and vehicle are undefined unless they belong to the transporter. `maxPerDay`: trips of a transporter; 0 for
   * no limit.
   */
  acceptFacts(
    broadcastId: string,
    transporterId: string,
    driverId: string,
    vehicleId: string,
    maxPerDay?: number,
  ): Promise<AcceptFacts>
  /**
   * Invites a driver, or changes what the transporter entered. `taken`: the driver has joined another fleet. `full`:
   * the fleet has `maxFleet` drivers, with invitations, and this one is not among them.
   */
  putDriver(
    transporterId: string,
    driver: { id: string; name: string; phone?: string },
    maxFleet: number,
  ): Promise<{ kind: 'invited' | 'updated'; driver: DriverRecord } | { kind: 'taken' } | { kind: 'full' }>
  /** Removes a driver from the fleet, or withdraws its invitation (`withdrawn`). */
  deleteDriver(transporterId: string, driverId: string): Promise<'deleted' | 'withdrawn' | 'busy' | 'missing'>
  /** A driver of this transporter's fleet or invitations. */
  getDriver(transporterId: string, driverId: string): Promise<DriverRecord | undefined>
  /** `missing`: this transporter has not invited the driver. `busy`: the driver is on a trip of another fleet. */
  joinFleet(driverId: string, transporterId: string): Promise<'joined' | 'unchanged' | 'missing' | 'busy'>
  leaveFleet(driverId: string): Promise<'left' | 'unchanged' | 'busy'>
  /** Returns at most `maxInvitations` invitations. */
  fleetOfDriver(driverId: string, maxInvitations: number): Promise<DriverFleet>
  /** The fleet and its invitations, newest first, below `after`. */
  listDrivers(
    transporterId: string,
    options: { after?: Position; limit: number },
  ): Promise<readonly DriverRecord[]>
  /** Switches a driver on or off, or records the vehicle that it drives, which must be its transporter's. */
  setDriver(
    driverId: string,
    change: { isSwitchedOn?: boolean; vehicleId?: string },
  ): Promise<
    | { kind: 'set'; driver: DriverRecord; vehicle: { id: string; vehicleType: string } | undefined }
    | { kind: 'missing' }
    | { kind: 'vehicleNotInFleet' }
  >
  /** For each driver in a fleet: what puts it into presence, and whether it is on a trip. */
  driverPresenceFacts(driverIds: readonly string[]): Promise<ReadonlyMap<string, DriverFacts>>
  /** `drivers`: those that named it last. The type of a busy vehicle stays; its number may change. */
  putVehicle(
    transporterId: string,
    vehicle: { id: string; vehicleType: string; number: string },
    maxFleet: number,
  ): Promise<
    | { kind: 'created' | 'updated'; vehicle: VehicleRecord; drivers: readonly string[] }
    | { kind: 'taken' }
    | { kind: 'full' }
    | { kind: 'busy' }
  >
  /** `drivers`: those that named it last. They now have no vehicle. */
  deleteVehicle(
    transporterId: string,
    vehicleId: string,
  ): Promise<{ kind: 'deleted'; drivers: readonly string[] } | { kind: 'busy' } | { kind: 'missing' }>
  /** Newest first, below `after`. */
  listVehicles(
    transporterId: string,
    options: { after?: Position; limit: number },
  ): Promise<readonly VehicleRecord[]>
  /** Atomic for each transporter. Setting the present state again changes and counts nothing. */
  setTransporterAvailable(
    transporterId: string,
    isAvailable: boolean,
    limit: { changes: number; windowMs: number },
  ): Promise<{ kind: 'set'; changed: boolean } | { kind: 'limited'; retryAfterMs: number }>
  /** The drivers that are in a fleet, with what their transporter may know of them. */
  membersAmong(
    driverIds: readonly string[],
  ): Promise<ReadonlyMap<string, Pick<DriverFacts, 'transporterId' | 'isSwitchedOn' | 'isBusy'>>>
  /** Available, active transporters that own a vehicle of one of the types; at most `limit`. */
  availableOwners(vehicleTypes: readonly string[], limit: number): Promise<readonly string[]>
}
