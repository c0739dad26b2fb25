/*
 * Records what the actors saw. The report and the checks use these facts and the later answers of the API. The ledger
 * judges nothing, except that it counts surprises.
 */
import type { AssignmentView } from '../src/dispatch/views/views.js'

/** The one clock of this process, in milliseconds since the epoch, with fractions. */
export const now = () => performance.timeOrigin + performance.now()

export interface Request {
  readonly id: string
  readonly customerId: string
  readonly sentAt: number
  readonly answeredAt: number
  readonly trucksNeeded: number
  /** The number of offers of the first step, from the answer. */
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

/** An event that a customer's socket received. */
export interface Heard {
  readonly customerId: string
  readonly type: string
  readonly broadcastId: string
  readonly tripId: string | undefined
  /** The time in the envelope. */
  readonly at: number
  readonly receivedAt: number
}

export interface Ledger {
  readonly requests: Request[]
  readonly offers: Offer[]
  readonly accepts: Accept[]
  readonly cancels: Cancel[]
  readonly heard: Heard[]
  /** Other counts, by name. */
  readonly counts: Map<string, number>
  /** Events that must not happen: 5xx, unexpected codes, lost connections. */
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
