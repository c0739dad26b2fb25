import type { Person } from '../person.js'

/** A refresh token that is shown, and the one that shall take its place. Times are milliseconds since the epoch. */
export interface Rotation {
  readonly person: Person
  readonly family: string
  readonly shown: string
  readonly next: string
  /** When the last of the two expires: until then the family must be remembered. */
  readonly rememberUntil: number
}

/** Which token of each person's families is good. A family that nobody has used has no row. */
export interface RefreshFamilies {
  /** True for exactly one of all who show the same token. False ends the family for good. */
  rotate(rotation: Rotation): Promise<boolean>
  /** Forgets families whose tokens have all expired, up to `limit`; answers how many. */
  sweep(limit: number): Promise<number>
}
