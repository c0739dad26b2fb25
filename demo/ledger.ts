/*
 * What the actors saw, written down as they saw it: the report and the checks are made of this and of what the API
 * says afterwards. It keeps facts and judges nothing, but for what no actor expected.
 */
import type { AssignmentView } from '../src/dispatch/views/views.js'

/** One clock for everything in this process, in milliseconds since the epoch, with fractions. */
export const now = () => performance.timeOrigin + performance.now()

export interface Request {
  readonly id: string
  readonly customerId: string
  readonly sentAt: number
  readonly answeredAt: number
  readonly trucksNeeded: number
  /** How many were offered it in the first step, says the answer. */
  readonly firstOffers: number
}

export interface Offer {
  readonly broadcastId: string
  readonly transporterId: string
  readonly eventId: string
  readonly step: string
  readonly receivedAt: number
}

export interface Accept {
  readonly broadcastId: string
  readonly transporterId: string
  readonly driverId: string
  readonly vehicleId: string
  readonly sentAt: number
  readonly answeredAt: number
  /** `won`, or the problem's code. */
  readonly result: string
  readonly version?: number
  readonly assignment?: AssignmentView
}

export interface Cancel {
  readonly broadcastId: string
  readonly version: number
}

/** What a customer's socket brought. */
export interface Heard {
  readonly customerId: string
  readonly type: string
  readonly broadcastId: string
  readonly tripId: string | undefined
  /** What the envelope says. */
  readonly at: number
  readonly receivedAt: number
}

export interface Ledger {
  readonly requests: Request[]
  readonly offers: Offer[]
  readonly accepts: Accept[]
  readonly cancels: Cancel[]
  readonly heard: Heard[]
  /** Everything else worth counting, by name. */
  readonly counts: Map<string, number>
  /** What must not happen: 5xx, codes that nobody expected, lost connections. */
  readonly surprises: string[]
  add(name: string): void
  surprise(text: string): void
}

export function createLedger(): Ledger {
  const counts = new Map<string, number>()
  const surprises: string[] = []
  return {
    requests: [],
    offers: [],
    accepts: [],
    cancels: [],
    heard: [],
    counts,
    surprises,
    add: name => void counts.set(name, (counts.get(name) ?? 0) + 1),
    surprise: text => void surprises.push(text),
  }
}
