/* Delays that clients saw, in milliseconds. An event that came before the client waited for it counts as 0. */
import type { Ledger } from './ledger.js'
import type { Outcome } from './outcome.js'

const delay = (from: number, to: number) => Math.max(0, to - from)

/** From the request (`sentAt`) or its answer (`answeredAt`) to each phone that the first step reached. */
export function offerDelays(
  { requests, offers }: Pick<Ledger, 'requests' | 'offers'>,
  since: 'sentAt' | 'answeredAt',
): number[] {
  const received = new Map<string, number[]>()
  for (const { broadcastId, step, receivedAt } of offers) {
    if (step !== '1') continue
    const times = received.get(broadcastId) ?? []
    times.push(receivedAt)
    received.set(broadcastId, times)
  }
  return requests.flatMap(request =>
    (received.get(request.id) ?? [])
      .toSorted((a, b) => a - b)
      // Later offers went to transporters who arrived during the first step.
      .slice(0, request.firstOffers)
      .map(receivedAt => delay(request[since], receivedAt)),
  )
}

/** From the answer to an accept until the customer's phone gets the news. */
export function confirmationDelays({ accepts, heard }: Pick<Ledger, 'accepts' | 'heard'>): number[] {
  const heardAt = new Map(
    heard
      .filter(({ type }) => type === 'truck_confirmed')
      .map(({ tripId, receivedAt }) => [tripId, receivedAt]),
  )
  return accepts.flatMap(({ assignment, answeredAt }) => {
    const receivedAt = assignment && heardAt.get(assignment.tripId)
    return receivedAt === undefined ? [] : [delay(answeredAt, receivedAt)]
  })
}

/** From a decision, by the server's clock, until the customer's phone gets the news. */
export function updateDelays({ heard }: Pick<Ledger, 'heard'>): number[] {
  return heard
    .filter(({ type }) => type === 'booking_updated')
    .map(({ at, receivedAt }) => delay(at, receivedAt))
}

/** From a deadline to the customer's phone: the timer's lateness and the delivery. */
export function expiryDelays(
  { heard }: Pick<Ledger, 'heard'>,
  { requests }: Pick<Outcome, 'requests'>,
): number[] {
  return heard.flatMap(({ type, broadcastId, receivedAt }) => {
    const request = requests.get(broadcastId)
    const isExpiry = type === 'booking_expired' || type === 'no_vehicles_available'
    return isExpiry && request !== undefined ? [delay(Date.parse(request.expiresAt), receivedAt)] : []
  })
}
