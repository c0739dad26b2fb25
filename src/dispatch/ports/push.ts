/* Push notifications: devices, the queue, and what sends them. */
import type { Person } from '../person.js'

/**
 * An envelope that the device has not acknowledged within this time is pushed, as the contract says. It is long enough
 * for a phone on a slow network, and short enough for an offer that lasts two minutes.
 */
export const PUSHED_AFTER_MS = 2_000

export type Platform = 'android' | 'ios' | 'web'

export interface DeviceStore {
  /** The device belongs to the person from now on, even if it was another person's before. A person keeps its newest `max` devices. */
  register(person: Person, device: { token: string; platform: Platform }, max: number): Promise<void>
  /** Does nothing if the device is unknown or another person's. */
  remove(person: Person, token: string): Promise<void>
}

/** What a push says about its event: ids, and a sentence for the user. */
export interface PushContent {
  readonly type: string
  readonly broadcastId: string
  readonly tripId?: string | undefined
  readonly version: number
  /** Absent in an offer: its sentence is made from `trucks` when it is sent. */
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

/** Names one envelope for one device. */
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
  /** Attempts before this one. */
  readonly attempts: number
}

/** The outcome of a leased push. */
export type PushSettlement = PushKey &
  (
    | { readonly kind: 'sent' }
    | { readonly kind: 'retry'; readonly dueAt: number; readonly error: string }
    | { readonly kind: 'dead'; readonly error: string }
    /** The device no longer has the app. It is deleted, with everything queued for it. */
    | { readonly kind: 'unregistered' }
  )

/**
 * Pushes to be sent, durable and shared by all processes. Times are the caller's clock. Offers are queued by the
 * statement that makes them (see `RecipientStore`).
 */
export interface PushQueue {
  /**
   * Queues a push for each of the people's devices. One that was queued, acknowledged or sent before stays as it is.
   */
  queue(pushes: readonly NewPush[]): Promise<void>
  /** Prevents pushes that are not sent yet, even those that are queued later. */
  acknowledge(acknowledgements: readonly Acknowledgement[], now: number): Promise<void>
  /**
   * Leases at most `limit` due pushes for `leaseMs`, the longest due first, or none while the pace does not allow it.
   * Pushes that no longer matter are settled and not returned: their time is over, the request of an offer no longer
   * seeks or was declined, or the person was turned off or signed out of the device.
   */
  lease(options: {
    now: number
    limit: number
    leaseMs: number
    perSecond: number
  }): Promise<readonly LeasedPush[]>
  /**
   * A push acknowledged meanwhile stays acknowledged. `leasedAt`: a device that was registered again since then is
   * kept.
   */
  settle(settlements: readonly PushSettlement[], times: { now: number; leasedAt: number }): Promise<void>
  /** No process leases a push before this time. */
  pause(until: number): Promise<void>
  /** Deletes at most `limit` pushes that were settled before this time. Returns how many. */
  sweep(before: number, limit: number): Promise<number>
  /** Queues a dead letter again, with its attempts reset. Returns false if it does not exist. */
  redrive(id: number): Promise<boolean>
}

export interface PushMessage {
  readonly token: string
  readonly platform: Platform
  readonly title: string
  readonly data: Readonly<Record<string, string>>
  /** A device that is away gets only the newest push with this key. Absent: it gets each push. */
  readonly collapseKey?: string
  /** From now on. A device that is away for longer does not get it. */
  readonly lifeMs: number
}

export type PushResult =
  | { readonly kind: 'sent' }
  | { readonly kind: 'unregistered' }
  /** It would be refused again. */
  | { readonly kind: 'refused'; readonly error: string }
  /** A retry may succeed, but not before `notBeforeMs` milliseconds. */
  | { readonly kind: 'failed'; readonly error: string; readonly notBeforeMs?: number }

export interface PushSender {
  readonly maxBatch: number
  /** Gets what sending needs, such as a token, so that `send` waits for nothing else. Rejects if that fails. */
  prepare(): Promise<void>
  /** Sends each message once. Result i belongs to message i. `pauseMs`: nothing should be sent for this time. */
  send(
    messages: readonly PushMessage[],
  ): Promise<{ readonly results: readonly PushResult[]; readonly pauseMs?: number }>
  close(): Promise<void>
}
