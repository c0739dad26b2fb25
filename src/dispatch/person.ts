/*
 * Whoever uses the product. The same id in two roles is two people: neither sees, replays nor ends anything of the
 * other's.
 */
export type Role = 'customer' | 'transporter' | 'driver' | 'admin'

export interface Person {
  readonly id: string
  readonly role: Role
}

/** Names a person in maps, limits and records. Roles have no colon, so no two people share one. */
export const personKey = ({ role, id }: Person): string => `${role}:${id}`
