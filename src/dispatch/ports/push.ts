/* Waking people on their devices: who has which, what is to be sent to them, and what sends it. */
import type { Person } from '../person.js'

/**
 * What its device has not acknowledged by then is pushed. The contract's; long enough for a phone on a slow network,
 * short enough for an offer that lasts two minutes.
 */
export const PUSHED_AFTER_MS = 2_000

export type Platform = 'android' | 'ios' | 'web'

export interface DeviceStore {
  /** The person's from now on, whoever had it before. Of a person's devices the newest `max` are kept. */
  register(person: Person, device: { token: string; platform: Platform }, max: number): Promise<void>
  /** Nothing happens if it is not there, or another's. */
  remove(person: Person, token: string): Promise<void>
}

/** What a push says of the event that it stands for: ids, and a sentence for people. */
export interface PushContent {
  readonly type: string
  readonly broadcastId: string
  readonly tripId?: string | undefined
  readonly version: number
  /** Absent in an offer, whose sentence is made of `trucks` when it is sent. */
  readonly title?: string
  readonly trucks?: number
}

export interface NewPush {
  readonly envelopeId: string
  readonly people: readonly Person[]
  readonly content: PushContent
  readonly dueAt: number
  readonly endsAt: number
}

export interface Acknowledgement {
  readonly envelopeId: string
  readonly person: Person
}

/** Names one envelope on its way to one device. */
export interface PushKey {
  readonly envelopeId: string
  readonly deviceId: string
}

export interface LeasedPush extends PushKey {
  readonly token: string
  readonly platform: Platform
  readonly content: PushContent
  readonly isOffer: boolean
  readonly endsAt: number
  /** Before this one. */
  readonly attempts: number
}

/** What became of a leased push. */
export type PushSettlement = PushKey &
  (
    | { readonly kind: 'sent' }
    | { readonly kind: 'retry'; readonly dueAt: number; readonly error: string }
    | { readonly kind: 'dead'; readonly error: string }
    /** The device does not have the app any more: it is forgotten, with all that was to be sent to it. */
    | { readonly kind: 'unregistered' }
  )

/**
 * What is to be pushed, durable and shared by all processes. Times are the caller's clock. Offers are queued by the
 * statement that makes them (see `RecipientStore`).
 */
export interface PushQueue {
  /** For each of the people's devices. What was queued, acknowledged or sent before stays as it is. */
  queue(pushes: readonly NewPush[]): Promise<void>
  /** What is not sent yet will not be, also where it is queued only later. */
  acknowledge(acknowledgements: readonly Acknowledgement[], now: number): Promise<void>
  /**
   * Takes at most `limit` that are due, the longest due first, for `leaseMs`; none while the pace does not allow it.
   * What has ended is settled instead, and not answered: its time is over, an offer's request seeks no more or was
   * declined, the person was turned off or has signed out of the device.
   */
  lease(options: {
    now: number
    limit: number
    leaseMs: number
    perSecond: number
  }): Promise<readonly LeasedPush[]>
  /** What was acknowledged meanwhile stays so. `leasedAt`: a device registered again since then is kept. */
  settle(settlements: readonly PushSettlement[], times: { now: number; leasedAt: number }): Promise<void>
  /** No process takes any before then. */
  pause(until: number): Promise<void>
  /** Forgets at most `limit` that were settled before then, and answers how many. */
  sweep(before: number, limit: number): Promise<number>
  /** Queues a push again that is a dead letter, its attempts counted anew. False when it is not there (any more). */
  redrive(id: number): Promise<boolean>
}

export interface PushMessage {
  readonly token: string
  readonly platform: Platform
  readonly title: string
  readonly data: Readonly<Record<string, string>>
  /** A device that is away gets the newest only of those with the same key. Absent: each. */
  readonly collapseKey?: string
  /** From now. A device that is away for longer does not get it. */
  readonly lifeMs: number
}

export type PushResult =
  | { readonly kind: 'sent' }
  | { readonly kind: 'unregistered' }
  /** It would be refused again. */
  | { readonly kind: 'refused'; readonly error: string }
  /** It may be taken later, but not before so many milliseconds. */
  | { readonly kind: 'failed'; readonly error: string; readonly notBeforeMs?: number }

export interface PushSender {
  readonly maxBatch: number
  /** Gets whatever sending needs, so that `send` waits for nothing else. Rejects while that cannot be had. */
  prepare(): Promise<void>
  /** Sends each once. Result i is of message i. `pauseMs`: nothing at all should be sent for so long. */
  send(
    messages: readonly PushMessage[],
  ): Promise<{ readonly results: readonly PushResult[]; readonly pauseMs?: number }>
  close(): Promise<void>
}
