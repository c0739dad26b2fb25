/*
 * Who may do what: one table. A role that is not in a command's row may never give it, and gets 403. One that is may
 * be bound to things it stands in a relation to; of all others it learns as much as of things that do not exist.
 */
import type { IdempotencyKey } from '../runtime/types.js'
import { defined } from '../types/defined.js'
import { type Caller, type Role, readsAll } from './person.js'
import type { Reader } from './ports.js'
import { type Problem, problem } from './problems.js'

/**
 * What the caller must be to the thing that a command names.
 * `self`: it names nothing but the caller · `any`: whichever · `owner`: the customer whose request it is, the
 * transporter whose fleet · `ownerOrNew`: nobody else's (409 if it is) · `reader`: owner, was offered it, or has or had
 * a trip on it · `party`: customer, transporter or driver of the trip · `invited`: a driver that the transporter has
 * invited, or that is in its fleet.
 */
export type Standing = 'self' | 'any' | 'owner' | 'ownerOrNew' | 'reader' | 'party' | 'invited'

type Row = Readonly<Partial<Record<Role, Standing>>>

export const access = {
  createBroadcast: { customer: 'self' },
  retryBroadcast: { customer: 'owner' },
  listBroadcasts: { customer: 'self', transporter: 'self', admin: 'any', viewer: 'any' },
  getBroadcast: { customer: 'owner', transporter: 'reader', driver: 'reader', admin: 'any', viewer: 'any' },
  getHistory: { customer: 'owner', admin: 'any', viewer: 'any' },
  // Accepts may outrun offers.
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

/** Whether the caller may see a trip, alone or as part of its request. How much of it: views/visibility.ts. */
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

/** As whom the caller may read requests; absent: it reads all of them. */
export function readerOf({ id, role }: Caller): Reader | undefined {
  return role === 'admin' || role === 'viewer' ? undefined : { id, role }
}

export const actorOf = <TRole extends string>({ id, role }: { id: string; role: TRole }) => ({ id, role })

/** The engine's options for an idempotency key, if there is one. */
export const keyed = (key: IdempotencyKey | undefined) => defined({ key })
