/* What the product's commands take beside their input, and what they answer. */
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
  /** From `Idempotency-Key`: recorded in the commit of what it causes. */
  readonly key?: IdempotencyKey
}

export type CreateOptions = Pick<SendOptions, 'key'>

/** The first success of an idempotency key, put together again from the journal. */
export type Replay =
  | { readonly kind: 'created'; readonly value: Created }
  | { readonly kind: 'broadcast'; readonly value: BroadcastEventAnswer }
  | { readonly kind: 'trip'; readonly value: TripEventAnswer }
  | { readonly kind: 'instance'; readonly value: InstanceEventAnswer }

export interface Created {
  readonly broadcast: views.CreatedBroadcastView
  /** False when the same request was found instead of made. */
  readonly isNew: boolean
}

export type BroadcastEventAnswer = views.BroadcastEventAnswer
export type TripEventAnswer = views.TripEventAnswer
export type InstanceEventAnswer = admin.InstanceEventAnswer
