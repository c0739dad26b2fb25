import type { IdempotencyKey, UsedKey } from '../../runtime/types.js'

/** A key that has been used. */
export interface KeptKey {
  readonly fingerprint: string
  /** The first success as it was given, if it has been kept. */
  readonly answer: unknown
  /** The transition it caused; null when no instance was concerned. */
  readonly used: UsedKey | null
}

/** Idempotency keys. The engine records those of transitions in their commits; this finds them again. */
export interface IdempotencyStore {
  find(key: IdempotencyKey): Promise<KeptKey | undefined>
  /**
   * Keeps the answer of a success; the first one kept stays. False when the key was used with another payload. `person`
   * (role and id) has used one key more.
   */
  save(key: IdempotencyKey, answer: unknown, person: string): Promise<boolean>
  /**
   * Where keys are capped and the person has used up those of today: the milliseconds until tomorrow. Known from memory, as
   * of the last key that this process saved for the person: each process lets one more pass, and what is under way with it.
   */
  spentFor(person: string): number | undefined
  /** Deletes up to `limit` keys older than this, and old counts; answers how many keys. */
  sweep(olderThanMs: number, limit: number): Promise<number>
}
