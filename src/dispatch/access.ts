/*
 * Which role may give which command: one table. A role that is missing from a command's row gets 403. A role in the row
 * may also need a relation to the thing that the command names. Without that relation the caller gets the same 404 as
 * for a thing that does not exist.
 */
import type { IdempotencyKey } from '../runtime/types.js'
import { defined } from '../types/defined.js'
import { type Caller, type Role, readsAll } from './person.js'
import type { Reader } from './ports.js'
import { type Problem, problem } from './problems.js'

/**
 * What the caller must be to the thing that a command names.
 * `self`: the command names nothing but the caller.
 * `any`: no relation is needed.
 * `owner`: the customer of the request, or the transporter of the fleet.
 * `ownerOrNew`: the thing is new or the caller's own; 409 if it belongs to another.
 * `reader`: the owner, or a transporter that was offered the request or has or had a trip on it.
 * `party`: the customer, transporter or driver of the trip.
 * `invited`: a driver that the transporter has invited, or that is in its fleet.
 */
export type Standing = 'self' | 'any' | 'owner' | 'ownerOrNew' | 'reader' | 'party' | 'invited'

type Row = Readonly<Partial<Record<Role, Standing>>>

export const access = {
  createBroadcast: { customer: 'self' },
  retryBroadcast: { customer: 'owner' },
  listBroadcasts: { customer: 'self', transporter: 'self', admin: 'any', viewer: 'any' },
  getBroadcast: { customer: 'owner', transporter: 'reader', driver: 'reader', admin: 'any', viewer: 'any' },
  getHistory: { customer: 'owner', admin: 'any', viewer: 'any' },
  // An accept may arrive before the offer is recorded.
  'broadcast.accept': { transporter: 'any' },
  'broadcast.cancel': { customer: 'owner' },
  'broadcast.decline': { transporter: 'reader' },
  getTrip: { customer: 'party', transporter: 'party', driver: 'party', admin: 'any', viewer: 'any' },
  'trip.start': { transporter: 'party', driver: 'party' },
  'trip.complete': { transporter: 'party', driver: 'party' },
  'trip.release': { transporter: 'party' },
  'trip.abandon': { admin: 'any' },
  listDriverTrips: { driver: 'self' },
  setTransporterAvailability: { transporter: 'self' },
  transporterHeartbeat: { transporter: 'self' },
  setDriverAvailability: { driver: 'self' },
  driverHeartbeat: { driver: 'self' },
  getDriverFleet: { driver: 'self' },
  joinFleet: { driver: 'invited' },
  leaveFleet: { driver: 'self' },
  listFleet: { transporter: 'self' },
  getDriver: { transporter: 'owner' },
  putDriver: { transporter: 'ownerOrNew' },
  deleteDriver: { transporter: 'owner' },
  putVehicle: { transporter: 'ownerOrNew' },
  deleteVehicle: { transporter: 'owner' },
  listAnswers: { transporter: 'self' },
  sync: { customer: 'self', transporter: 'self', driver: 'self', admin: 'self', viewer: 'self' },
  registerDevice: { customer: 'self', transporter: 'self', driver: 'self', admin: 'self' },
  removeDevice: { customer: 'self', transporter: 'self', driver: 'self', admin: 'self' },
  logout: { customer: 'self', transporter: 'self', driver: 'self', admin: 'self', viewer: 'self' },
  inspect: { admin: 'any', viewer: 'any' },
  administer: { admin: 'any' },
} as const satisfies Readonly<Record<string, Row>>

export type CommandName = keyof typeof access

export function rolesOf(commands: readonly CommandName[]): readonly Role[] {
  return [...new Set(commands.flatMap(command => Object.keys(access[command]) as Role[]))]
}

export function refuseRole(
  { role }: Caller,
  command: CommandName,
): { ok: false; problem: Problem } | undefined {
  return role in access[command] ? undefined : problem('FORBIDDEN')
}

/**
 * Whether the caller may see a trip, alone or as part of its request. views/visibility.ts decides which fields it sees.
 */
export function maySeeTrip(
  caller: Caller,
  trip: { readonly customerId: string; readonly transporterId: string; readonly driverId: string },
): boolean {
  if (readsAll(caller)) return true
  const { id, role } = caller
  const party: Partial<Record<Role, string>> = {
    customer: trip.customerId,
    transporter: trip.transporterId,
    driver: trip.driverId,
  }
  return party[role] === id
}

/** The reader that queries are limited to. `undefined`: the caller reads all requests. */
export function readerOf({ id, role }: Caller): Reader | undefined {
  return role === 'admin' || role === 'viewer' ? undefined : { id, role }
}

export const actorOf = <TRole extends string>({ id, role }: { id: string; role: TRole }) => ({ id, role })

/** The engine's options for an idempotency key. Empty without a key. */
export const keyed = (key: IdempotencyKey | undefined) => defined({ key })
