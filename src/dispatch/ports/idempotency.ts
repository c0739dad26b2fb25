import type { IdempotencyKey, UsedKey } from '../../runtime/types.js'

/** A key that has been used. */
export interface KeptKey {
  readonly fingerprint: string
  /** The first successful answer, if it has been stored. */
  readonly answer: unknown
  /** The transition that it caused. Null if no instance was concerned. */
  readonly used: UsedKey | null
}

/** Idempotency keys. The engine records keys of transitions in their commits, and this store finds them. */
export interface IdempotencyStore {
  find(key: IdempotencyKey): Promise<KeptKey | undefined>
  /**
   * Stores a successful answer; the first one stored stays. Returns false if the key was used with another payload. The
   * key counts for `person` (role and id).
   */
  save(key: IdempotencyKey, answer: unknown, person: string): Promise<boolean>
  /**
   * Returns the milliseconds until tomorrow if the person has used up its keys of today. It is known from memory, as of
   * the last key that this process saved for the person. So each process may let one more key pass, and those in
   * progress with it.
   */
  spentFor(person: string): number | undefined
  /** Deletes up to `limit` keys older than this, and old counts. Returns the number of keys. */
  sweep(olderThanMs: number, limit: number): Promise<number>
}
