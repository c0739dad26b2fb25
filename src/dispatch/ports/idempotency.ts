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
  /** Keeps the answer of a success; the first one kept stays. False when the key was used with another payload. */
  save(key: IdempotencyKey, answer: unknown): Promise<boolean>
  /** Deletes up to `limit` keys older than this; answers how many. */
  sweep(olderThanMs: number, limit: number): Promise<number>
}
