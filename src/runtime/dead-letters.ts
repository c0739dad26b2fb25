import type { DeliveryKey, TimerKey } from './types.js'

interface DeadLetterBase {
  /** Unique among dead letters of all kinds; a later one has a higher id. */
  readonly id: number
  readonly instance: string
  /** Of the event that could not be delivered, or that the timer sends. */
  readonly type: string
  readonly attempts: number
  readonly error: string
  readonly diedAt: number
}

/** A delivery that has failed for the last time. */
export interface DeadDelivery extends DeadLetterBase, DeliveryKey {
  readonly kind: 'delivery'
}

/** A timer whose firing has failed for the last time. It goes when its state is left. */
export interface DeadTimer extends DeadLetterBase, TimerKey {
  readonly kind: 'timer'
  readonly machine: string
  readonly dueAt: number
}

export type DeadLetter = DeadDelivery | DeadTimer
