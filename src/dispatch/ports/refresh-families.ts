import type { Person } from '../person.js'

/** A refresh token that is shown, and the one that shall take its place. */
export interface Rotation {
  readonly person: Person
  readonly family: string
  readonly shown: {
    readonly id: string
    /** Seconds since the epoch. */
    readonly issuedAt: number
    /** Milliseconds since the epoch, as all times that are not said to be seconds. */
    readonly expiresAt: number
  }
  readonly next: { readonly id: string; readonly ttlMs: number }
}

export type Rotated =
  /** `at`: seconds since the epoch, whole. Whatever ends the person's sessions later bears a later time, or the same. */
  | { readonly kind: 'rotated'; readonly at: number }
  /** It was shown before: its family has ended for good. */
  | { readonly kind: 'used' }
  /** The sessions of its time were ended. */
  | { readonly kind: 'ended' }
  | { readonly kind: 'inactive' }

/** Which token of each person's families is good. A family that nobody has used has no row. */
export interface RefreshFamilies {
  /** `rotated` for exactly one of all who show the same token. An end of the person's sessions waits for it, or is seen by it. */
  rotate(rotation: Rotation): Promise<Rotated>
  /** Forgets families whose tokens have all expired, up to `limit`; answers how many. */
  sweep(limit: number): Promise<number>
}
