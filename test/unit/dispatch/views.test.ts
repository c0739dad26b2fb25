import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { access } from '../../../src/dispatch/access.js'
import type { Caller, Role } from '../../../src/dispatch/person.js'
import { broadcastView, offerView, type Standing } from '../../../src/dispatch/views/broadcast-view.js'
import { driverView } from '../../../src/dispatch/views/fleet-view.js'
import { broadcastView as broadcastViewSchema } from '../../../src/dispatch/views/views.js'
import { limitBroadcast, parts, shownPlace, sightOf } from '../../../src/dispatch/views/visibility.js'
import { CREATED_AT, fullInput, request } from './snapshots.js'

const standing: Standing = { notified: 7, isOffered: true, hasDeclined: false }
const as = (role: Role, id = 'x'): Caller => ({ role, id })

function view(asked: ReturnType<typeof request>, caller: Caller, more: Partial<Standing> = {}) {
  return broadcastView(caller, asked.broadcast, { ...standing, ...more }, asked.now)
}

describe('a request', () => {
  it('is shown with everything that was requested, and without internal fields', () => {
    const asked = request({ notes: 'Gate 4', pricePerTruck: 10 })
    expect(view(asked, as('customer', 'c1'))).toEqual({
      id: asked.broadcast.id,
      status: 'searching',
      version: 1,
      kind: 'booking',
      customerId: 'c1',
      pickup: { lat: 28.61, lng: 77.2, address: 'Delhi' },
      drop: { lat: 19.07, lng: 72.87 },
      goods: 'Rice',
      notes: 'Gate 4',
      pricePerTruck: 10,
      trucksNeeded: 2,
      trucksFilled: 0,
      trucks: [
        { id: 't1', vehicleType: '14ft', status: 'open' },
        { id: 't2', vehicleType: '14ft', status: 'open' },
      ],
      reach: { step: 1, radiusKm: 10, notified: 7 },
      createdAt: new Date(CREATED_AT).toISOString(),
      updatedAt: new Date(CREATED_AT).toISOString(),
      expiresAt: new Date(CREATED_AT + 120_000).toISOString(),
      nextEvents: ['cancel'],
    })
  })

  it('shows its customer each field that the contract has', () => {
    const asked = request(fullInput)
    asked.timeout()
    expect(Object.keys(view(asked, as('customer', 'c1'))).sort()).toEqual(
      Object.keys(broadcastViewSchema.shape).sort(),
    )
  })

  it('shows trips to those that they concern', () => {
    const asked = request()
    asked.accept('a')
    asked.accept('b')
    const drivers = (caller: Caller) => view(asked, caller).trucks.map(truck => truck.trip?.driverId)
    expect(drivers(as('customer', 'c1'))).toEqual(['d-a', 'd-b'])
    expect(drivers(as('admin'))).toEqual(['d-a', 'd-b'])
    expect(drivers(as('transporter', 't-a'))).toEqual(['d-a', undefined])
    expect(drivers(as('driver', 'd-b'))).toEqual([undefined, 'd-b'])
    expect(drivers(as('transporter'))).toEqual([undefined, undefined])
    expect(view(asked, as('transporter')).trucks.map(truck => truck.status)).toEqual(['taken', 'taken'])
  })

  it('does not show a past trip: its truck is open, or taken by another', () => {
    const asked = request()
    asked.send({ type: 'trip.release', tripId: asked.accept('a') })
    expect(view(asked, as('customer', 'c1')).trucks[0]).toEqual({
      id: 't1',
      vehicleType: '14ft',
      status: 'open',
    })
    asked.accept('b')
    expect(view(asked, as('customer', 'c1')).trucks[0]?.trip?.driverId).toBe('d-b')
    expect(view(asked, as('transporter', 't-a')).trucks[0]).toEqual({
      id: 't1',
      vehicleType: '14ft',
      status: 'taken',
    })
  })

  it('shows how it ended, and the reason', () => {
    const full = request({ trucks: [{ vehicleType: '14ft', count: 1 }] })
    const tripId = full.accept('a')
    expect(view(full, as('customer', 'c1'))).toMatchObject({ status: 'fully_filled', endReason: 'filled' })
    full.send({ type: 'trip.release', tripId })
    expect(view(full, as('customer', 'c1'))).toMatchObject({
      status: 'expired',
      endReason: 'truck_released',
      endedAt: new Date(full.now).toISOString(),
      reach: { step: 'done', radiusKm: null },
    })
  })
})

describe('R11.5 the view of a request', () => {
  const secretive = () =>
    request({
      notes: 'gate code 1234',
      pickup: { lat: 28.613456, lng: 77.209876, address: 'Copper Lane' },
      drop: { lat: -33.868819, lng: 151.209295, address: 'Herring Wharf' },
    })
  const exact = { lat: 28.613456, lng: 77.209876, address: 'Copper Lane' }
  const rounded = { lat: 28.61, lng: 77.21 }
  /** Whether it shows the notes, and the pickup. */
  const seen = (asked: ReturnType<typeof request>, caller: Caller, now = asked.now) => {
    const { notes, pickup } = broadcastView(caller, asked.broadcast, standing, now)
    return [notes !== undefined, pickup]
  }
  const everything = [true, exact]
  const placesAlone = [false, exact]
  const nothing = [false, rounded]

  it('R11.5 shows all of it to its customer and admins, in any state, and nothing to another customer', () => {
    const asked = secretive()
    asked.send({ type: 'cancel' })
    expect(seen(asked, as('customer', 'c1'))).toEqual(everything)
    expect(seen(asked, as('admin'))).toEqual(everything)
    // Whoever has the same id in another role is another person.
    for (const role of ['transporter', 'driver'] as const)
      expect(seen(asked, as(role, 'c1'))).toEqual(nothing)
    expect(seen(asked, as('customer', 'c2'))).toEqual(nothing)
  })

  it('R11.5 shows the places to transporters while they can accept it: not after the deadline, even if its timer is late', () => {
    const asked = secretive()
    const { expiresAt } = asked.broadcast.snapshot.context
    expect(seen(asked, as('transporter'), expiresAt - 1)).toEqual(placesAlone)
    expect(seen(asked, as('transporter'), expiresAt)).toEqual(nothing)
    asked.accept('a')
    expect(seen(asked, as('transporter'))).toEqual(placesAlone)
    asked.accept('b')
    expect(seen(asked, as('transporter'))).toEqual(nothing)
  })

  it('R11.5 shows all of it to a transporter and a driver while their trip is assigned, started or completed', () => {
    const asked = secretive()
    const tripId = asked.accept('a')
    for (const type of ['trip.start', 'trip.complete']) {
      expect(seen(asked, as('transporter', 't-a'))).toEqual(everything)
      expect(seen(asked, as('driver', 'd-a'))).toEqual(everything)
      asked.send({ type, tripId })
    }
    asked.send({ type: 'cancel' })
    expect(asked.broadcast.status).toBe('cancelled')
    expect(seen(asked, as('transporter', 't-a'))).toEqual(everything)
    expect(seen(asked, as('driver', 'd-a'))).toEqual(everything)
    expect(seen(asked, as('driver', 'd-b'))).toEqual(nothing)
  })

  it.each(['trip.release', 'trip.abandon', 'cancel'])('R11.5 no longer shows all of it after %s', type => {
    const asked = secretive()
    asked.send({ type, tripId: asked.accept('a') })
    const isSeeking = type !== 'cancel'
    expect(seen(asked, as('transporter', 't-a'))).toEqual(isSeeking ? placesAlone : nothing)
    // No offer is made to a driver, so it needs no place to decide by.
    expect(seen(asked, as('driver', 'd-a'))).toEqual(nothing)
    asked.accept('a')
    expect(seen(asked, as('driver', 'd-a'))).toEqual(isSeeking ? everything : nothing)
  })

  it('R11.5 in an offer has no notes, and in an offer after the deadline no places', () => {
    const asked = secretive()
    asked.accept('a')
    const { expiresAt } = asked.broadcast.snapshot.context
    expect(offerView(asked.broadcast, 3, asked.now)).toMatchObject({ pickup: exact })
    expect(offerView(asked.broadcast, 3, asked.now)).not.toHaveProperty('notes')
    expect(offerView(asked.broadcast, 3, expiresAt)).toMatchObject({ pickup: rounded })
  })

  it.each([
    [
      { lat: 90, lng: 180 },
      { lat: 90, lng: 180 },
    ],
    [
      { lat: -89.999, lng: -179.996 },
      { lat: -90, lng: -180 },
    ],
    [
      { lat: -0.004, lng: 0.004 },
      { lat: 0, lng: 0 },
    ],
    [
      { lat: 0.005, lng: -0.015 },
      { lat: 0.01, lng: -0.01 },
    ],
    [
      { lat: 1.005, lng: 8.575 },
      { lat: 1, lng: 8.57 },
    ],
  ])('R11.5 %o is shown as %o', (place, shown) => {
    expect(shownPlace({ ...place, address: 'Here' }, 'rounded')).toEqual(shown)
  })

  it('R11.5 rounded places have two decimals as JSON, and stay on earth', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -90, max: 90, noNaN: true }),
        fc.double({ min: -180, max: 180, noNaN: true }),
        (lat, lng) => {
          const shown = shownPlace({ lat, lng }, 'rounded')
          expect(JSON.stringify(shown)).toMatch(/^\{"lat":-?\d+(\.\d\d?)?,"lng":-?\d+(\.\d\d?)?\}$/)
          expect(Math.abs(shown.lat - lat)).toBeLessThan(0.00501)
          expect(Math.abs(shown.lng - lng)).toBeLessThan(0.00501)
          expect(Math.abs(shown.lat)).toBeLessThanOrEqual(90)
          expect(Math.abs(shown.lng)).toBeLessThanOrEqual(180)
        },
      ),
    )
  })

  it('R11.5 that was made earlier is limited to what the caller may see now, and never shows more than before', () => {
    const asked = secretive()
    asked.accept('a')
    const made = broadcastView(as('transporter', 't-a'), asked.broadcast, standing, asked.now)
    expect(limitBroadcast(made, parts.carrier)).toEqual(made)
    const { notes: _, ...bidden } = made
    expect(limitBroadcast(made, parts.bidder)).toEqual(bidden)
    const limited = limitBroadcast(made, parts.bystander)
    expect(JSON.stringify(limited)).not.toMatch(/gate code|Copper|Herring|28\.613|77\.209|33\.868|151\.209/)
    expect(limited.trucks[0]?.trip?.driverId).toBe('d-a')
    expect(limitBroadcast(limited, parts.owner)).toEqual(limited)
  })
})

describe('R11.5 a view of the owner that is limited', () => {
  it.each(['customer', 'transporter', 'driver'] as const)('has no field that a %s is not shown', role => {
    for (const isOver of [false, true]) {
      const asked = request(fullInput)
      if (isOver) asked.timeout()
      const caller = as(role, 'a-stranger')
      const limited = limitBroadcast(
        view(asked, as('customer', 'c1')),
        sightOf(caller, asked.broadcast, asked.now),
      )
      expect(Object.keys(limited).sort()).toEqual(Object.keys(view(asked, caller)).sort())
    }
  })
})

describe('the events that a caller may send next', () => {
  const next = (asked: ReturnType<typeof request>, role: Role, more: Partial<Standing> = {}) =>
    view(asked, as(role), more).nextEvents

  it('depend on the caller’s role and part', () => {
    const asked = request()
    asked.accept('a')
    expect(next(asked, 'customer')).toEqual(['cancel'])
    expect(next(asked, 'transporter')).toEqual(['accept', 'decline'])
    expect(next(asked, 'transporter', { hasDeclined: true })).toEqual(['accept'])
    expect(next(asked, 'transporter', { isOffered: false })).toEqual(['accept'])
    expect(next(asked, 'driver')).toEqual([])
    expect(next(asked, 'admin')).toEqual(['accept', 'cancel', 'trip.start', 'trip.release', 'trip.abandon'])
  })

  it.each(['customer', 'transporter'] as const)('is every command that a %s may give to a request', role => {
    const asked = [request(), request(), request()]
    asked[1]?.accept('a')
    asked[2]?.timeout()
    const given = Object.entries(access).flatMap(([command, row]) =>
      command.startsWith('broadcast.') && role in row ? [command.slice('broadcast.'.length)] : [],
    )
    expect([...new Set(asked.flatMap(one => next(one, role)))].sort()).toEqual(given.sort())
  })

  it('are none for transporters after the request stopped seeking or its deadline has passed', () => {
    const asked = request()
    const late = asked.broadcast.snapshot.context.expiresAt
    expect(broadcastView(as('transporter'), asked.broadcast, standing, late).nextEvents).toEqual([])
    asked.send({ type: 'cancel' })
    expect(next(asked, 'transporter')).toEqual([])
    expect(next(asked, 'customer')).toEqual([])
  })
})

describe('an offer', () => {
  it('is the same for every transporter that is offered the request, without anyone’s trip', () => {
    const asked = request()
    asked.accept('a')
    const offer = offerView(asked.broadcast, 3, asked.now)
    expect(offer.nextEvents).toEqual(['accept', 'decline'])
    expect(offer.reach.notified).toBe(3)
    expect(offer.trucks.map(truck => [truck.status, truck.trip])).toEqual([
      ['taken', undefined],
      ['open', undefined],
    ])
  })
})

describe('a driver', () => {
  const record = {
    id: 'd1',
    position: '',
    transporterId: 't1',
    name: 'Asha',
    isBusy: false,
    isConfirmed: true,
  }

  it('is online while it is switched on and was seen lately', () => {
    const place = { lat: 1, lng: 2 }
    const state = { lastSeenAt: CREATED_AT, isOnline: true, place }
    expect(driverView({ ...record, isSwitchedOn: true, vehicleId: 'v1', phone: '1' }, state)).toEqual({
      id: 'd1',
      name: 'Asha',
      phone: '1',
      confirmed: true,
      isOnline: true,
      isBusy: false,
      lastSeenAt: new Date(CREATED_AT).toISOString(),
      location: place,
      vehicleId: 'v1',
    })
    const online = (isSwitchedOn: boolean, seen: typeof state | undefined) =>
      driverView({ ...record, isSwitchedOn }, seen).isOnline
    expect(online(false, state)).toBe(false)
    expect(online(true, undefined)).toBe(false)
    expect(online(true, { ...state, isOnline: false })).toBe(false)
  })

  it('R11.3 that has not agreed has a name and nothing else, whatever is known of it', () => {
    const state = { lastSeenAt: CREATED_AT, isOnline: true, place: { lat: 1, lng: 2 } }
    const invited = { ...record, isConfirmed: false, isSwitchedOn: true, isBusy: true, vehicleId: 'v1' }
    for (const known of [state, undefined, 'lost'] as const) {
      expect(driverView(invited, known)).toEqual({
        id: 'd1',
        name: 'Asha',
        confirmed: false,
        isOnline: false,
        isBusy: false,
      })
    }
  })
})
