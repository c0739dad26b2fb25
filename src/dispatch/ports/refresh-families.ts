import type { Person } from '../person.js'

/** The refresh token that was shown, and the one that replaces it. */
export interface Rotation {
  readonly person: Person
  readonly family: string
  readonly shown: {
    readonly id: string
    /** Seconds since the epoch. */
    readonly issuedAt: number
    /** Milliseconds since the epoch. */
    readonly expiresAt: number
  }
  readonly next: { readonly id: string; readonly ttlMs: number }
}

export type Rotated =
  /** `at`: whole seconds since the epoch. A later end of the person's sessions has the same time or a later one. */
  | { readonly kind: 'rotated'; readonly at: number }
  /** The token was used before. Its family has ended for good. */
  | { readonly kind: 'used' }
  /** The sessions of that time were ended. */
  | { readonly kind: 'ended' }
  | { readonly kind: 'inactive' }

/** The valid token of each family. A family that was never used has no row. */
export interface RefreshFamilies {
  /**
   * `rotated` for exactly one of all callers that show the same token. A concurrent end of sessions waits for it, or is
   * seen by it.
   */
  rotate(rotation: Rotation): Promise<Rotated>
  /** Deletes up to `limit` families whose tokens have all expired. Returns how many. */
  sweep(limit: number): Promise<number>
}
