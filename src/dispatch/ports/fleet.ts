import type { Precondition } from '../../runtime/types.js'
import type { Person, PersonState } from '../person.js'
import type { BroadcastRecord, Position } from './reads.js'

export interface DriverRecord {
  readonly id: string
  readonly position: Position
  readonly transporterId: string
  readonly name: string
  readonly phone?: string
  /** It has agreed to be in this fleet. Of one that has not, nothing is known but what the transporter said. */
  readonly isConfirmed: boolean
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

/** How a driver stands to fleets. */
export interface DriverFleet {
  readonly transporterId: string | null
  /** Newest first. */
  readonly invitations: readonly { readonly transporterId: string; readonly invitedAt: number }[]
}

/** What an accept is judged by, read together with the request in one query. */
export interface AcceptFacts {
  readonly broadcast: BroadcastRecord | undefined
  /** The transporter has had all trips of the day that it may: how long until it may have another one. */
  readonly fullForMs?: number
  readonly isUserActive: boolean
  readonly driver: { readonly id: string; readonly name: string; readonly phone?: string } | undefined
  /** The driver was asked into this fleet, and has not agreed. */
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
   * Off ends every session there is; on again, they stay ended. `by`: the administrator who turns another one off. False:
   * that one is turned off itself, and nothing was done.
   */
  setPersonActive(person: Person, isActive: boolean, by?: string): Promise<boolean>
  /** Ends every session there is. `issuedAt`: of a token that is to end in any case, in seconds. */
  endSessions(person: Person, issuedAt?: number): Promise<PersonState>
  /** Those of the people that are turned off, or have had sessions ended. */
  endedPeople(people: readonly Person[]): Promise<readonly (Person & PersonState)[]>
  /** Seeking requests of customers that are turned off: of one, or of all that were in the last so many milliseconds. */
  requestsOfInactive(those: {
    readonly customerId?: string | undefined
    readonly withinMs?: number | undefined
  }): Promise<readonly string[]>
  /** Whose sessions were ended in the last so many milliseconds. */
  endedWithin(ms: number): Promise<readonly (Person & PersonState)[]>
  /** Driver and vehicle are undefined unless they belong to the transporter. `maxPerDay`: trips of a transporter, 0 for any number. */
  acceptFacts(
    broadcastId: string,
    transporterId: string,
    driverId: string,
    vehicleId: string,
    maxPerDay?: number,
  ): Promise<AcceptFacts>
  /**
   * Invites a driver, or changes what the transporter says of it. `taken`: it has agreed to another transporter.
   * `full`: the fleet has `maxFleet` drivers, with invitations, and this one is not among them.
   */
  putDriver(
    transporterId: string,
    driver: { id: string; name: string; phone?: string },
    maxFleet: number,
  ): Promise<{ kind: 'invited' | 'updated'; driver: DriverRecord } | { kind: 'taken' } | { kind: 'full' }>
  /** Takes a driver out of the fleet, or its invitation back (`withdrawn`). */
  deleteDriver(transporterId: string, driverId: string): Promise<'deleted' | 'withdrawn' | 'busy' | 'missing'>
  /** Of this transporter's fleet or invitations. */
  getDriver(transporterId: string, driverId: string): Promise<DriverRecord | undefined>
  /** `missing`: it has no invitation of this transporter's. `busy`: it is on a trip of another fleet. */
  joinFleet(driverId: string, transporterId: string): Promise<'joined' | 'unchanged' | 'missing' | 'busy'>
  leaveFleet(driverId: string): Promise<'left' | 'unchanged' | 'busy'>
  /** With at most so many invitations. */
  fleetOfDriver(driverId: string, maxInvitations: number): Promise<DriverFleet>
  /** The fleet and its invitations, newest first, below `after`. */
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
  /** Of each driver that is in a fleet: what puts it into presence, and whether it is on a trip. */
  driverPresenceFacts(driverIds: readonly string[]): Promise<ReadonlyMap<string, DriverFacts>>
  /** `drivers`: those who named it last. The type of a busy vehicle stays; its number may change. */
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
  /** Those of the drivers that are in a fleet, with what their transporter is told of them. */
  membersAmong(
    driverIds: readonly string[],
  ): Promise<ReadonlyMap<string, Pick<DriverFacts, 'transporterId' | 'isSwitchedOn' | 'isBusy'>>>
  /** Available, active transporters that own a vehicle of one of the types; at most `limit`. */
  availableOwners(vehicleTypes: readonly string[], limit: number): Promise<readonly string[]>
}
