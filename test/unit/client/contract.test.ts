/* The client writes the contract's types down for itself: here they are held against what the server says and takes. */
import { describe, expect, it } from '@jest/globals'
import type * as client from '../../../src/client/index.js'
import { announce } from '../../../src/dispatch/announcements/announcements.js'
import type * as api from '../../../src/dispatch/answers.js'
import type { ProblemCode } from '../../../src/dispatch/problems.js'
import { offerEnvelope } from '../../../src/dispatch/reach/offers.js'
import type * as requests from '../../../src/dispatch/requests.js'
import { broadcastView } from '../../../src/dispatch/views/broadcast-view.js'
import type * as views from '../../../src/dispatch/views/views.js'
import {
  broadcast,
  type DeepReadonly,
  holds,
  resumableEvent,
  type Same,
} from '../../support/server/client-schemas.js'
import { BROADCAST_ID, request } from '../dispatch/snapshots.js'

/** A schema's type says of an optional member that it may be undefined, and of nothing that it is not to be changed. */
type Plain<T> = T extends readonly (infer E)[]
  ? readonly Plain<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Plain<Exclude<T[K], undefined>> }
    : T
type SameView<A, B> = Same<Plain<A>, Plain<B>>

holds<SameView<client.Trip, views.TripView>>()
holds<SameView<client.Broadcast, views.BroadcastView>>()
holds<SameView<client.CreatedBroadcast, views.CreatedBroadcastView>>()
holds<SameView<client.Assignment, views.AssignmentView>>()
holds<SameView<client.HistoryItem, views.HistoryItem>>()
holds<SameView<client.Driver, views.DriverView>>()
holds<SameView<client.DriverFleet, views.DriverFleetView>>()
holds<SameView<client.Vehicle, views.VehicleView>>()
holds<SameView<client.BroadcastAnswer, api.BroadcastEventAnswer>>()
holds<SameView<client.TripAnswer, api.TripEventAnswer>>()
holds<SameView<client.Page<client.Driver>, api.Page<views.DriverView>>>()
holds<Same<client.ProblemCode, ProblemCode>>()
/** What the client sends is what the server takes. */
type Sent<T> = DeepReadonly<T>
holds<client.NewBroadcast extends Sent<requests.CreateBroadcast> ? true : false>()
holds<client.NewBooking extends Sent<requests.CreateBooking> ? true : false>()
holds<client.NewOrder extends Sent<requests.CreateOrder> ? true : false>()
holds<client.BroadcastEvent extends Sent<requests.BroadcastEvent> ? true : false>()
holds<client.TripEvent extends Sent<requests.TripEvent> ? true : false>()
holds<Same<keyof client.NewBroadcast, keyof requests.CreateBroadcast>>()
holds<Same<keyof client.NewBooking, keyof requests.CreateBooking>>()
holds<Same<keyof client.NewOrder, keyof requests.CreateOrder>>()

/** Requests that have seen, together, everything a machine can say. */
function eventfulRequests() {
  const driven = request({ notes: 'With care', pricePerTruck: 4_000 })
  driven.send({ type: 'trip.release', tripId: driven.accept('a') })
  const started = driven.accept('b')
  driven.send({ type: 'trip.start', tripId: started })
  driven.send({ type: 'trip.abandon', tripId: driven.accept('c') })
  driven.accept('d')
  driven.send({ type: 'trip.complete', tripId: started })
  const cancelled = request()
  cancelled.accept('x')
  cancelled.send({ type: 'cancel', reason: 'Enough' })
  const released = request()
  const given = released.accept('e')
  released.accept('f')
  released.send({ type: 'trip.release', tripId: given })
  const unfound = request()
  unfound.timeout()
  const partly = request()
  partly.accept('y')
  partly.timeout()
  return [driven, cancelled, released, unfound, partly]
}

describe('the client’s types', () => {
  it('have every kind of event that is announced, and no other', () => {
    const seen = new Set<string>()
    for (const asked of eventfulRequests()) {
      for (const { event, ...source } of asked.emitted) {
        const { context } = asked.broadcast.snapshot
        for (const { envelope } of announce(event, { instance: BROADCAST_ID, ...source }, context)) {
          expect(resumableEvent.parse(envelope)).toEqual(envelope)
          seen.add(envelope.type)
        }
      }
      const offer = offerEnvelope(asked.broadcast, { notified: 3, shownKm: 2 }, asked.now)
      expect(resumableEvent.parse(offer)).toEqual(offer)
      seen.add(offer.type)
    }
    const types = resumableEvent.options.map(({ shape }) => shape.type.value)
    expect([...seen].sort()).toEqual([...types].sort())
  })

  it('fit a request as every one of its readers sees it', () => {
    for (const asked of eventfulRequests()) {
      for (const role of ['customer', 'transporter', 'driver', 'admin'] as const) {
        const standing = { notified: 2, isOffered: true, hasDeclined: false }
        const view = broadcastView({ id: 't-a', role }, asked.broadcast, standing, asked.now)
        expect(broadcast.parse(view)).toEqual(view)
      }
    }
  })
})
