import { describe, expect, it } from '@jest/globals'
import { askedByBooking, askedByBroadcast, askedByOrder } from '../../../src/dispatch/broadcasts/create.js'
import { fingerprint } from '../../../src/dispatch/broadcasts/fingerprint.js'

describe('a fingerprint', () => {
  it('is the same in any order of members, and another for other values', () => {
    const a = { pickup: { lat: 1, lng: 2 }, trucks: [{ count: 1, vehicleType: 'x' }] }
    const b = { trucks: [{ vehicleType: 'x', count: 1 }], pickup: { lng: 2, lat: 1 } }
    expect(fingerprint(a)).toBe(fingerprint(b))
    expect(fingerprint(a)).not.toBe(fingerprint({ ...a, pickup: { lat: 2, lng: 1 } }))
    expect(fingerprint({ a, b: undefined })).toBe(fingerprint({ a }))
  })

  it('R1.2 R3.3 of the same request is the same in each of the three forms', () => {
    const places = { pickup: { lat: 1, lng: 2 }, drop: { lat: 3, lng: 4 } }
    const line = { vehicleType: '14ft' }
    const booking = askedByBooking({ ...places, ...line, trucksNeeded: 2 })
    expect(booking).toEqual(askedByBroadcast({ ...places, trucks: [{ ...line, count: 2 }] }))
    const order = askedByOrder({ ...places, truckRequests: [{ ...line, quantity: 2 }] })
    expect(order).toEqual({ ...booking, kind: 'order' })
  })
})
