/* What the product's commands take beside their input, and what they return. */
import type { IdempotencyKey } from '../runtime/types.js'
import type * as admin from './views/admin-views.js'
import type * as views from './views/views.js'

export interface Page<T> {
  readonly items: readonly T[]
  readonly nextCursor: string | null
}

export interface SendOptions {
  /** From `If-Match`. */
  readonly ifVersion?: number
  /** From `Idempotency-Key`. It is recorded in the same commit as its effect. */
  readonly key?: IdempotencyKey
}

export type CreateOptions = Pick<SendOptions, 'key'>

/** The first successful answer to an idempotency key, rebuilt from the journal. */
export type Replay =
  | { readonly kind: 'created'; readonly value: Created }
  | { readonly kind: 'broadcast'; readonly value: BroadcastEventAnswer }
  | { readonly kind: 'trip'; readonly value: TripEventAnswer }
  | { readonly kind: 'instance'; readonly value: InstanceEventAnswer }

export interface Created {
  readonly broadcast: views.CreatedBroadcastView
  /** False if the same request existed already and was found. */
  readonly isNew: boolean
}

export type BroadcastEventAnswer = views.BroadcastEventAnswer
export type TripEventAnswer = views.TripEventAnswer
export type InstanceEventAnswer = admin.InstanceEventAnswer
