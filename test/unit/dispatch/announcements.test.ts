import { describe, expect, it } from '@jest/globals'
import { announce, announcements } from '../../../src/dispatch/announcements/announcements.js'
import type { BroadcastEmitted } from '../../../src/machines/index.js'
import { BROADCAST_ID, request } from './snapshots.js'

type Request = ReturnType<typeof request>

/** What the emitted events of this type said, in order. */
function said(asked: Request, type: BroadcastEmitted['type']) {
  return asked.emitted
    .filter(({ event }) => event.type === type)
    .flatMap(({ event, ...source }) =>
      announce(event, { instance: BROADCAST_ID, ...source }, asked.broadcast.snapshot.context),
    )
}
const short = (asked: Request, type: BroadcastEmitted['type']) =>
  said(asked, type).map(({ to, envelope }) => [to, envelope.type, envelope.data.title])

/** A request that has seen everything a machine can say. */
function eventful(): Request {
  const asked = request()
  const first = asked.accept('a')
  asked.send({ type: 'trip.release', tripId: first })
  const second = asked.accept('b')
  asked.send({ type: 'trip.start', tripId: second })
  asked.accept('c')
  asked.send({ type: 'trip.complete', tripId: second })
  return asked
}

describe('R1.4 R2.4 a transition', () => {
  it('that creates a request is announced to its customer, on all devices', () => {
    expect(short(request(), 'broadcast.created')).toEqual([
      ['watchers', 'booking_updated', 'Looking for trucks'],
    ])
  })

  it('that finds a truck is announced to the driver, the customer and all watchers', () => {
    const asked = request()
    const tripId = asked.accept('a')
    expect(short(asked, 'truck.assigned')).toEqual([
      ['driver', 'trip_assigned', 'New trip assigned'],
      ['customer', 'truck_confirmed', 'Truck DL a confirmed'],
      ['watchers', 'booking_updated', '1 of 2 trucks confirmed'],
    ])
    const [assigned] = said(asked, 'truck.assigned')
    expect(assigned?.push).not.toBeNull()
    expect(assigned?.envelope).toEqual({
      id: `${BROADCAST_ID}:2:0:0:${asked.now.toString(36)}`,
      broadcastId: BROADCAST_ID,
      tripId,
      version: 2,
      type: 'trip_assigned',
      at: new Date(asked.now).toISOString(),
      data: {
        title: 'New trip assigned',
        trip: expect.objectContaining({ id: tripId, broadcastId: BROADCAST_ID, goods: 'Rice' }),
      },
    })
  })

  it('that finds the last truck is also announced to everyone that was offered the request', () => {
    const asked = request()
    asked.accept('a')
    asked.accept('b')
    expect(said(asked, 'truck.assigned').at(-1)?.envelope.data).toEqual({
      title: 'All trucks confirmed',
      status: 'fully_filled',
      trucksFilled: 2,
      trucksNeeded: 2,
    })
    expect(said(asked, 'broadcast.filled').map(({ to, envelope }) => [to, envelope.data])).toEqual([
      ['offered', { title: 'No longer available', reason: 'fully_filled' }],
    ])
  })

  it('that cancels is announced to drivers and transporters of trips, everyone that was offered the request, and watchers', () => {
    const asked = request()
    asked.accept('a')
    asked.send({ type: 'cancel' })
    expect(short(asked, 'trip.cancelled')).toEqual([
      ['driverAndTransporter', 'trip_cancelled', 'Trip cancelled'],
    ])
    expect(short(asked, 'broadcast.cancelled')).toEqual([
      ['offered', 'booking_expired', 'Request cancelled'],
      ['watchers', 'booking_updated', 'Request cancelled'],
    ])
  })

  it('by the deadline is announced to the customer with a retry, in other words if nothing was found', () => {
    const empty = request()
    empty.timeout()
    expect(short(empty, 'broadcast.expired')).toEqual([
      ['offered', 'booking_expired', 'Request expired'],
      ['customer', 'no_vehicles_available', 'No transporters found'],
      ['watchers', 'booking_updated', 'Request expired'],
    ])
    const partial = request()
    partial.accept('a')
    partial.timeout()
    expect(short(partial, 'broadcast.expired')).toEqual([
      ['offered', 'booking_expired', 'Request expired'],
      ['customer', 'booking_expired', 'Request expired'],
      ['watchers', 'booking_updated', 'Request expired'],
    ])
    for (const asked of [empty, partial]) {
      const [forOffered, forCustomer] = said(asked, 'broadcast.expired')
      expect(forOffered?.envelope.data).toEqual({ title: 'Request expired', reason: 'timeout' })
      expect(forCustomer?.envelope.data.retry).toEqual({ href: `/api/v1/broadcasts/${BROADCAST_ID}/retry` })
    }
  })

  it('that releases a truck is announced as reopened while seeking, with a retry after the end, and to its driver', () => {
    const seeking = request()
    const given = seeking.accept('a')
    seeking.send({ type: 'trip.release', tripId: given })
    expect(short(seeking, 'truck.released').map(([to, type]) => [to, type])).toEqual([
      ['driver', 'trip_cancelled'],
      ['customer', 'truck_released'],
      ['watchers', 'booking_updated'],
    ])
    expect(said(seeking, 'truck.released').at(-1)?.envelope.data.reopened).toBe(true)
    const full = request()
    const first = full.accept('a')
    full.accept('b')
    full.send({ type: 'trip.release', tripId: first })
    const [, forCustomer, updated] = said(full, 'truck.released')
    expect(forCustomer?.envelope.data.retry).toBeDefined()
    expect(updated?.envelope.data).not.toHaveProperty('reopened')
  })

  it('of an administrator that ends a trip is announced to its transporter too', () => {
    const asked = request()
    const tripId = asked.accept('a')
    asked.send({ type: 'trip.abandon', tripId })
    expect(said(asked, 'truck.released').map(({ to }) => to)).toEqual([
      'driver',
      'transporter',
      'customer',
      'watchers',
    ])
  })
})

describe('every announcement', () => {
  const all = () => {
    const cancelled = request()
    cancelled.accept('x')
    cancelled.send({ type: 'cancel' })
    const expired = request()
    expired.timeout()
    return [eventful(), cancelled, expired]
  }

  it('is made in this test: no kind of event is left out', () => {
    const seen = new Set(all().flatMap(asked => asked.emitted.map(({ event }) => event.type)))
    expect([...seen].sort()).toEqual(Object.keys(announcements).sort())
  })

  it('has its own id, the same each time it is made, and a sentence', () => {
    for (const asked of all()) {
      const types = [...new Set(asked.emitted.map(({ event }) => event.type))]
      const envelopes = types.flatMap(type => said(asked, type)).map(({ envelope }) => envelope)
      expect(new Set(envelopes.map(envelope => envelope.id)).size).toBe(envelopes.length)
      expect(types.flatMap(type => said(asked, type)).map(({ envelope }) => envelope)).toEqual(envelopes)
      for (const { data } of envelopes) expect(data.title).toMatch(/^[A-Z0-9].+/)
    }
  })

  it('keeps its place in its list, which is part of the ids that clients know: new rows come last', () => {
    const places = Object.entries(announcements).map(
      ([type, rows]) => [type, rows.map(row => `${row.type} to ${row.to}`)] as const,
    )
    expect(Object.fromEntries(places)).toEqual({
      'broadcast.created': ['booking_updated to watchers'],
      'reach.widened': [],
      'truck.assigned': [
        'trip_assigned to driver',
        'truck_confirmed to customer',
        'booking_updated to watchers',
      ],
      'truck.released': [
        'trip_cancelled to driver',
        'trip_cancelled to transporter',
        'truck_released to customer',
        'booking_updated to watchers',
      ],
      'trip.started': ['booking_updated to watchers'],
      'trip.completed': ['booking_updated to watchers'],
      'trip.cancelled': ['trip_cancelled to driverAndTransporter'],
      'broadcast.filled': ['booking_expired to offered'],
      'broadcast.cancelled': ['booking_expired to offered', 'booking_updated to watchers'],
      'broadcast.expired': [
        'booking_expired to offered',
        'no_vehicles_available to customer',
        'booking_expired to customer',
        'booking_updated to watchers',
      ],
    })
  })

  it('wakes users for what they must act on, and not for progress', () => {
    const waking = new Map(
      all().flatMap(asked =>
        [...new Set(asked.emitted.map(({ event }) => event.type))]
          .flatMap(type => said(asked, type))
          .map(({ push, envelope }) => [envelope.type, push !== null] as const),
      ),
    )
    expect(Object.fromEntries(waking)).toEqual({
      booking_updated: false,
      booking_expired: true,
      truck_confirmed: true,
      truck_released: true,
      no_vehicles_available: true,
      trip_assigned: true,
      trip_cancelled: true,
    })
  })
})
