import { describe, expect, it } from '@jest/globals'
import { checkAll, overlaps } from '../../../demo/checks.js'
import { createLedger } from '../../../demo/ledger.js'
import type { Outcome } from '../../../demo/outcome.js'
import type { BroadcastView, TripView } from '../../../src/dispatch/views/views.js'

const place = { lat: 21, lng: 79 }

function tripOf(id: string, change: Partial<TripView> = {}): TripView {
  return {
    id,
    broadcastId: 'b1',
    truckId: 't1',
    status: 'assigned',
    pickup: place,
    drop: place,
    driver: { id: 'd1', name: 'Driver' },
    vehicle: { id: 'v1', number: 'MH 31', vehicleType: '14ft' },
    driverId: 'd1',
    vehicleId: 'v1',
    transporterId: 'x1',
    assignedAt: '2026-01-01T10:00:01.000Z',
    ...change,
  }
}

function requestOf(change: Partial<BroadcastView> = {}): BroadcastView {
  const trip = tripOf('trip1')
  return {
    id: 'b1',
    status: 'fully_filled',
    version: 2,
    kind: 'booking',
    customerId: 'c1',
    pickup: place,
    drop: place,
    trucksNeeded: 1,
    trucksFilled: 1,
    trucks: [{ id: 't1', vehicleType: '14ft', status: 'taken', trip }],
    reach: { step: 'done', radiusKm: null, notified: 1 },
    createdAt: '2026-01-01T10:00:00.000Z',
    updatedAt: '2026-01-01T10:00:01.000Z',
    expiresAt: '2026-01-01T10:00:12.000Z',
    endedAt: '2026-01-01T10:00:01.000Z',
    endReason: 'filled',
    nextEvents: [],
    ...change,
  }
}

/** One request of one truck, offered once, taken once. */
function story() {
  const ledger = createLedger()
  const times = { sentAt: 1, answeredAt: 2 }
  ledger.requests.push({ id: 'b1', customerId: 'c1', ...times, trucksNeeded: 1, firstOffers: 1 })
  ledger.offers.push({ broadcastId: 'b1', transporterId: 'x1', eventId: 'e1', step: '1', receivedAt: 2 })
  const ids = { driverId: 'd1', vehicleId: 'v1' }
  const assignment = {
    id: 'trip1',
    tripId: 'trip1',
    truckId: 't1',
    ...ids,
    trucksConfirmed: 1,
    isFullyFilled: true,
  }
  const accept = {
    broadcastId: 'b1',
    transporterId: 'x1',
    ...ids,
    ...times,
    result: 'won',
    version: 2,
    assignment,
  }
  ledger.accepts.push(accept)
  return { ledger, accept }
}

const outcomeOf = (requests: BroadcastView[], trips: TripView[]): Outcome => ({
  requests: new Map(requests.map(request => [request.id, request])),
  trips: new Map(trips.map(trip => [trip.id, trip])),
})

const failing = (ledger: ReturnType<typeof createLedger>, outcome: Outcome) =>
  checkAll(ledger, outcome, { isAlone: true }).flatMap(({ violations }) => violations)

describe('the checks of the demo', () => {
  it('find nothing in a correct story', () => {
    expect(failing(story().ledger, outcomeOf([requestOf()], [tripOf('trip1')]))).toEqual([])
  })

  it('find an accept that won but has no trip, or another’s trip', () => {
    const { ledger } = story()
    expect(
      failing(ledger, outcomeOf([requestOf({ trucks: [], trucksNeeded: 0, trucksFilled: 0 })], [])),
    ).toContain('b1: trip trip1 is not there')
    expect(failing(ledger, outcomeOf([requestOf()], [tripOf('trip1', { driverId: 'd2' })]))).toContain(
      'trip trip1: its driverId is not d1',
    )
  })

  it('find a truck, a driver or a vehicle on two trips at once', () => {
    const { ledger, accept } = story()
    ledger.accepts.push({ ...accept, assignment: { ...accept.assignment, tripId: 'trip2' } })
    const twice = outcomeOf([requestOf()], [tripOf('trip1'), tripOf('trip2')])
    expect(failing(ledger, twice)).toEqual([
      'truck t1 of b1: trip1 and trip2',
      'driver d1: trip1 and trip2',
      'vehicle v1: trip1 and trip2',
    ])
  })

  it('find an accept after the cancel, an offer under two ids, and events sent to a stranger', () => {
    const { ledger } = story()
    ledger.cancels.push({ broadcastId: 'b1', version: 1 })
    ledger.offers.push({ broadcastId: 'b1', transporterId: 'x1', eventId: 'e2', step: '2', receivedAt: 3 })
    const news = { type: 'booking_updated', broadcastId: 'b1', tripId: undefined, at: 1, receivedAt: 2 }
    ledger.heard.push({ ...news, customerId: 'c2' })
    expect(failing(ledger, outcomeOf([requestOf()], [tripOf('trip1')]))).toEqual([
      'b1: version 2 is an accept, after the cancel',
      'b1 to x1: e1 and e2',
      "c2 got booking_updated of b1, which is c1's",
    ])
  })

  it('find an offer that was lost', () => {
    const { ledger } = story()
    ledger.offers.length = 0
    expect(failing(ledger, outcomeOf([requestOf()], [tripOf('trip1')]))).toEqual(['b1: 0 of 1'])
  })

  it('find a request that did not end, and an expiry that was not sent', () => {
    const { ledger } = story()
    const trips = [tripOf('trip1')]
    expect(failing(ledger, outcomeOf([requestOf({ status: 'searching' })], trips))).toEqual([
      'b1 is still searching',
    ])
    expect(
      failing(ledger, outcomeOf([requestOf({ status: 'expired', endReason: 'timeout' })], trips)),
    ).toEqual(['b1: c1 heard nothing'])
  })

  it('allow a hold to begin at the moment when another ends, but not before', () => {
    const hold = { key: 'driver d1', holder: 'a', from: 1, until: 5 }
    expect(overlaps([{ ...hold, holder: 'b', from: 5, until: 9 }, hold])).toEqual([])
    expect(overlaps([{ ...hold, holder: 'b', from: 4, until: 9 }, hold])).toEqual(['driver d1: a and b'])
    expect(overlaps([{ ...hold, key: 'driver d2', from: 4 }, hold])).toEqual([])
  })
})
