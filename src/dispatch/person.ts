/*
 * The users of the product. The same id in two roles is two people: neither can see, replay or end anything of the
 * other.
 */
export const ROLES = ['customer', 'transporter', 'driver', 'admin', 'viewer'] as const
export type Role = (typeof ROLES)[number]

export interface Person {
  readonly id: string
  readonly role: Role
}

/** The person that sends a request, as its token says. */
export type Caller = Person

/** What decides whether a person's tokens are valid. */
export interface PersonState {
  readonly isActive: boolean
  /**
   * Seconds since the epoch. Tokens issued in that second or before are no longer valid. 0: no session was ever ended.
   */
  readonly endedUpTo: number
}

/** True for an admin, and for a viewer, which sends no commands. */
export const readsAll = ({ role }: Person): boolean => role === 'admin' || role === 'viewer'

export const isSamePerson = (a: Person, b: Person): boolean => a.id === b.id && a.role === b.role

/** Names a person in maps, limits and records. Roles have no colon, so no two people share a key. */
export const personKey = ({ role, id }: Person): string => `${role}:${id}`
