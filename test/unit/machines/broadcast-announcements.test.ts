import { describe, expect, test } from '@jest/globals'
import type { BroadcastEvent } from '../../../src/machines/index.js'
import {
  accept,
  CREATED_AT,
  cancel,
  create,
  deadline,
  type Stepped,
  send,
  sendAll,
  timer,
  tripEvent,
  uuid,
  WINDOW,
} from './stepping.js'

const two = create({ trucks: [{ vehicleType: 'tata_ace', count: 2 }] })
const half = send(two.snapshot, accept(1))
const halfStarted = sendAll(half, tripEvent('trip.start', 1))
const full = send(half.snapshot, accept(2))

const tripOne = {
  id: uuid(1),
  truckId: 't1',
  status: 'assigned',
  transporterId: 'transporter-1',
  driver: { id: 'driver-1', name: 'Driver 1' },
  vehicle: { id: 'vehicle-1', number: 'KA 01 1', vehicleType: 'tata_ace' },
  assignedAt: CREATED_AT + 1,
}
const partiesOfOne = ['customer-1', 'driver-1', 'transporter-1']

describe('R1.1 announcements, in order', () => {
  test.each<[string, Stepped, BroadcastEvent, readonly string[]]>([
    ['an accept with trucks missing', two, accept(1), ['truck.assigned']],
    ['the last accept', half, accept(2), ['truck.assigned', 'broadcast.filled']],
    ['the last accept under way', halfStarted, accept(2), ['truck.assigned', 'broadcast.filled']],
    ['a start', half, tripEvent('trip.start', 1), ['trip.started']],
    ['the first start of a full request', full, tripEvent('trip.start', 1), ['trip.started']],
    ['a delivery', halfStarted, tripEvent('trip.complete', 1), ['trip.completed']],
    ['a release', half, tripEvent('trip.release', 1), ['truck.released']],
    ['an abandoned trip', halfStarted, tripEvent('trip.abandon', 1), ['truck.released']],
    ['a release from a full request', full, tripEvent('trip.release', 1), ['truck.released']],
    ['a cancel of an empty request', two, cancel(), ['broadcast.cancelled']],
    ['a cancel with trips', full, cancel(), ['trip.cancelled', 'trip.cancelled', 'broadcast.cancelled']],
    ['a cancel that keeps a trip', halfStarted, cancel(), ['broadcast.cancelled']],
    ['the deadline', half, deadline(), ['broadcast.expired']],
    ['the end of the cancel window', full, timer(WINDOW), []],
  ])('%s', (_, before, event, expected) => {
    expect(send(before.snapshot, event).emitted.map(emitted => emitted.type)).toEqual(expected)
  })
})

test('the creation tells the customer that the search has started and where', () => {
  expect(two.emitted).toEqual([
    {
      type: 'broadcast.created',
      audience: ['customer-1'],
      status: 'searching',
      trucksFilled: 0,
      trucksNeeded: 2,
    },
    { type: 'reach.widened', audience: ['customer-1'], step: 1, radiusKm: 10 },
  ])
})

test('an assigned truck is announced to customer, driver and transporter, with the trip', () => {
  expect(half.emitted).toEqual([
    {
      type: 'truck.assigned',
      audience: partiesOfOne,
      trip: tripOne,
      status: 'partially_filled',
      trucksFilled: 1,
      trucksNeeded: 2,
    },
  ])
})

test('nobody is named twice, not even a customer that drives', () => {
  const own = accept(1, { driver: { id: 'customer-1', name: 'Asha' }, transporterId: 'customer-1' })
  expect(send(two.snapshot, own).emitted[0]?.audience).toEqual(['customer-1'])
})

test('the last truck is announced as full', () => {
  const progress = { status: 'fully_filled', trucksFilled: 2, trucksNeeded: 2 }
  expect(full.emitted).toMatchObject([
    { type: 'truck.assigned', ...progress },
    { type: 'broadcast.filled', audience: ['customer-1'], ...progress },
  ])
})

test('a released truck says whether it is on offer again or may be retried', () => {
  const release = tripEvent('trip.release', 1)
  const released = (before: Stepped) => send(before.snapshot, release).emitted[0]
  expect(released(half)).toMatchObject({ status: 'searching', reopened: true, retryable: false })
  expect(released(full)).toMatchObject({ status: 'expired', reopened: false, retryable: true })
  expect(released(sendAll(half, deadline()))).toMatchObject({
    type: 'truck.released',
    audience: partiesOfOne,
    trip: { ...tripOne, status: 'released', endedAt: CREATED_AT + 60 },
    by: 'release',
    status: 'expired',
    trucksFilled: 0,
    reopened: false,
    retryable: true,
  })
})

test('a trip abandoned after the cancel that kept it is neither reopened nor retryable', () => {
  const kept = sendAll(halfStarted, cancel())
  const { emitted } = send(kept.snapshot, tripEvent('trip.abandon', 1))
  expect(emitted).toMatchObject([
    { by: 'abandon', status: 'cancelled', trucksFilled: 0, reopened: false, retryable: false },
  ])
})

test('the reason of a release or a cancel is passed on, and left out if there is none', () => {
  const reason = 'engine trouble'
  const release = { ...tripEvent('trip.release', 1), reason } as BroadcastEvent
  expect(send(half.snapshot, release).emitted[0]).toMatchObject({ reason })
  expect(send(half.snapshot, { ...cancel(), reason } as BroadcastEvent).emitted.at(-1)).toMatchObject({
    reason,
  })
  expect(send(half.snapshot, cancel()).emitted.at(-1)).not.toHaveProperty('reason')
})

test('a cancel tells the parties of each trip that it ends, then the customer how many it kept', () => {
  const three = create({ trucks: [{ vehicleType: 'tata_ace', count: 3 }] })
  const { emitted } = sendAll(three, accept(1), accept(2), tripEvent('trip.start', 2), cancel(80))
  expect(emitted).toEqual([
    {
      type: 'trip.cancelled',
      audience: partiesOfOne,
      trip: { ...tripOne, status: 'cancelled', endedAt: CREATED_AT + 80 },
      status: 'cancelled',
      trucksFilled: 1,
      trucksNeeded: 3,
    },
    {
      type: 'broadcast.cancelled',
      audience: ['customer-1'],
      status: 'cancelled',
      trucksFilled: 1,
      trucksNeeded: 3,
      tripsCancelled: 1,
      tripsKept: 1,
    },
  ])
})

test('the deadline tells the customer how many trucks were found', () => {
  expect(send(half.snapshot, deadline()).emitted).toEqual([
    {
      type: 'broadcast.expired',
      audience: ['customer-1'],
      status: 'expired',
      trucksFilled: 1,
      trucksNeeded: 2,
      endReason: 'timeout',
    },
  ])
})
