/*
 * Compares what clients saw with what the API returns afterwards. Pure. Each check names a rule and lists its
 * violations. `npm run verify` checks the invariants inside the database.
 */
import type { BroadcastView, TripView } from '../src/dispatch/views/views.js'
import { tally } from './figures.js'
import type { Ledger } from './ledger.js'
import type { Outcome } from './outcome.js'
import { counted } from './table.js'

export interface Check {
  readonly claim: string
  readonly violations: readonly string[]
}

type Facts = Pick<Ledger, 'requests' | 'offers' | 'accepts' | 'cancels' | 'heard'>

/** `isAlone`: only our actors use the server, so all offers went to them. */
export function checkAll(
  ledger: Facts,
  outcome: Outcome,
  { isAlone }: { readonly isAlone: boolean },
): readonly Check[] {
  const won = ledger.accepts.filter(accept => accept.result === 'won')
  const trips = [...outcome.trips.values()]
  const requests = [...outcome.requests.values()]
  return [
    {
      claim: `each of ${counted(won.length, 'won accept')} is a trip with that driver, vehicle and truck`,
      violations: [...acceptsWithoutTrip(ledger, outcome), ...tripsWithoutAccept(outcome)],
    },
    {
      claim: 'no truck of a request was taken by two trips at once',
      violations: overlaps(trips.map(holdOfTruck)),
    },
    {
      claim: 'no driver and no vehicle was on two trips at once',
      violations: overlaps(trips.flatMap(holdsOfFleet)),
    },
    { claim: 'no customer had two searches at once', violations: overlaps(requests.flatMap(holdOfCustomer)) },
    {
      claim: `${counted(requests.length, 'request')} ended; none has more trucks than asked for`,
      violations: [...requestsMissing(ledger, outcome), ...requests.flatMap(countTrucks)],
    },
    { claim: 'no accept was won after the cancel', violations: acceptsAfterCancel(ledger) },
    {
      claim: `${counted(ledger.offers.length, 'offer')}, none of them sent under two ids`,
      violations: offersUnderTwoIds(ledger),
    },
    ...(isAlone
      ? [{ claim: 'every offer that an answer spoke of reached a phone', violations: lostOffers(ledger) }]
      : []),
    { claim: 'every customer was told of its own requests only', violations: strangeNews(ledger, outcome) },
    { claim: 'every expiry was told to its customer', violations: untoldExpiries(ledger, outcome) },
  ]
}

function acceptsWithoutTrip({ accepts }: Facts, { trips }: Outcome): string[] {
  return accepts.flatMap(({ result, assignment, broadcastId, transporterId, driverId, vehicleId }) => {
    if (result !== 'won') return []
    if (assignment === undefined) return [`${broadcastId}: ${transporterId} won no assignment`]
    const trip = trips.get(assignment.tripId)
    if (trip === undefined) return [`${broadcastId}: trip ${assignment.tripId} is not there`]
    const expected = { broadcastId, transporterId, driverId, vehicleId, truckId: assignment.truckId }
    return Object.entries(expected).flatMap(([name, value]) =>
      trip[name as keyof typeof expected] === value ? [] : [`trip ${trip.id}: its ${name} is not ${value}`],
    )
  })
}

function tripsWithoutAccept({ requests, trips }: Outcome): string[] {
  return [...requests.values()].flatMap(({ id, trucks }) =>
    trucks.flatMap(({ trip }) =>
      trip === undefined || trips.has(trip.id) ? [] : [`${id}: nobody was told of trip ${trip.id}`],
    ),
  )
}

interface Hold {
  /** What is held. Only one holder at a time may have it. */
  readonly key: string
  readonly holder: string
  readonly from: number
  readonly until: number
}

/** Pairs of holds of one key that overlap. One may begin in the millisecond in which the other ends. */
export function overlaps(holds: readonly Hold[]): string[] {
  const sorted = holds.toSorted((a, b) => a.key.localeCompare(b.key) || a.from - b.from || a.until - b.until)
  return sorted.flatMap((hold, index) => {
    const before = sorted[index - 1]
    return before?.key === hold.key && hold.from < before.until
      ? [`${hold.key}: ${before.holder} and ${hold.holder}`]
      : []
  })
}

const endOf = (time: string | undefined) => (time === undefined ? Number.POSITIVE_INFINITY : Date.parse(time))

function holdOfTruck({ id, broadcastId, truckId, assignedAt, status, endedAt }: TripView): Hold {
  const until = status === 'completed' ? Number.POSITIVE_INFINITY : endOf(endedAt)
  return { key: `truck ${truckId} of ${broadcastId}`, holder: id, from: Date.parse(assignedAt), until }
}

function holdsOfFleet({ id, driverId, vehicleId, assignedAt, endedAt }: TripView): Hold[] {
  const hold = { holder: id, from: Date.parse(assignedAt), until: endOf(endedAt) }
  return [
    { ...hold, key: `driver ${driverId}` },
    { ...hold, key: `vehicle ${vehicleId}` },
  ]
}

/** A truck that is given back after the end moves the end, so the end of the search is unknown then. */
function holdOfCustomer({ id, customerId, createdAt, endedAt, endReason }: BroadcastView): Hold[] {
  if (endReason === 'truck_released') return []
  return [{ key: `customer ${customerId}`, holder: id, from: Date.parse(createdAt), until: endOf(endedAt) }]
}

function requestsMissing({ requests }: Facts, outcome: Outcome): string[] {
  return requests.filter(({ id }) => !outcome.requests.has(id)).map(({ id }) => `${id} is not there`)
}

function countTrucks({ id, status, trucks, trucksNeeded, trucksFilled }: BroadcastView): string[] {
  const taken = trucks.filter(truck => truck.status === 'taken').length
  return [
    ...(status === 'searching' || status === 'partially_filled' ? [`${id} is still ${status}`] : []),
    ...(trucks.length === trucksNeeded && taken === trucksFilled
      ? []
      : [`${id}: ${taken} taken of ${trucks.length}, said to be ${trucksFilled} of ${trucksNeeded}`]),
    ...(status === 'fully_filled' && taken < trucksNeeded ? [`${id} is full with ${taken} trucks`] : []),
  ]
}

function acceptsAfterCancel({ accepts, cancels }: Facts): string[] {
  const versions = new Map(cancels.map(({ broadcastId, version }) => [broadcastId, version]))
  return accepts
    .filter(
      ({ broadcastId, version = 0 }) => version > (versions.get(broadcastId) ?? Number.POSITIVE_INFINITY),
    )
    .map(({ broadcastId, version }) => `${broadcastId}: version ${version} is an accept, after the cancel`)
}

function offersUnderTwoIds({ offers }: Facts): string[] {
  const ids = new Map<string, string>()
  return offers.flatMap(({ broadcastId, transporterId, eventId }) => {
    const key = `${broadcastId} to ${transporterId}`
    const known = ids.get(key)
    ids.set(key, eventId)
    return known === undefined || known === eventId ? [] : [`${key}: ${known} and ${eventId}`]
  })
}

function lostOffers({ requests, offers }: Facts): string[] {
  const received = tally(offers.map(({ broadcastId }) => broadcastId))
  return requests
    .filter(({ id, firstOffers }) => (received.get(id) ?? 0) < firstOffers)
    .map(({ id, firstOffers }) => `${id}: ${received.get(id) ?? 0} of ${firstOffers}`)
}

function strangeNews({ heard }: Facts, { requests }: Outcome): string[] {
  return heard.flatMap(({ broadcastId, customerId, type }) => {
    const owner = requests.get(broadcastId)?.customerId ?? customerId
    return owner === customerId ? [] : [`${customerId} got ${type} of ${broadcastId}, which is ${owner}'s`]
  })
}

function untoldExpiries({ heard }: Facts, { requests }: Outcome): string[] {
  const told = new Set(
    heard
      .filter(({ type }) => type === 'booking_expired' || type === 'no_vehicles_available')
      .map(({ broadcastId }) => broadcastId),
  )
  return [...requests.values()]
    .filter(({ id, endReason }) => endReason === 'timeout' && !told.has(id))
    .map(({ id, customerId }) => `${id}: ${customerId} heard nothing`)
}
