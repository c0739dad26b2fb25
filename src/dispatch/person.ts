/*
 * Whoever uses the product. The same id in two roles is two people: neither sees, replays nor ends anything of the
 * other's.
 */
export const ROLES = ['customer', 'transporter', 'driver', 'admin', 'viewer'] as const
export type Role = (typeof ROLES)[number]

export interface Person {
  readonly id: string
  readonly role: Role
}

/** The person who sends a request, as its token says. */
export type Caller = Person

/** What a person's tokens are judged by. */
export interface PersonState {
  readonly isActive: boolean
  /** Seconds since the epoch: tokens issued in that second or before are good no more. 0: no session was ever ended. */
  readonly endedUpTo: number
}

/** An admin, and a viewer, which sends nothing. */
export const readsAll = ({ role }: Person): boolean => role === 'admin' || role === 'viewer'

export const isSamePerson = (a: Person, b: Person): boolean => a.id === b.id && a.role === b.role

/** Names a person in maps, limits and records. Roles have no colon, so no two people share one. */
export const personKey = ({ role, id }: Person): string => `${role}:${id}`
