import { describe, expect, test } from '@jest/globals'
import { broadcastDefinition, refuseByState } from '../../../src/machines/index.js'
import type { StampedEvent } from '../../../src/runtime/definition.js'
import {
  accept,
  CREATED_AT,
  cancel,
  create,
  deadline,
  type Stepped,
  sendAll,
  TIMEOUT_MS,
  tripEvent,
} from './stepping.js'

const two = create({
  trucks: [
    { vehicleType: 'tata_ace', count: 1 },
    { vehicleType: '14ft', count: 1 },
  ],
})
const truck14ft = { id: 'vehicle-2', number: 'KA 01 2', vehicleType: '14ft' }
const half = sendAll(two, accept(1))
const full = sendAll(half, accept(2, { vehicle: truck14ft }))
const cancelled = sendAll(half, cancel())
const expired = sendAll(half, deadline())

const refuse = ({ snapshot }: Stepped, event: object) =>
  broadcastDefinition.refuse(snapshot, event as StampedEvent)?.reason

/** Wrong in every way at once: nobody asked for the type, and driver and vehicle are busy. */
const hopeless = accept(3, {
  driver: { id: 'driver-1', name: 'Driver 1' },
  vehicle: { id: 'vehicle-1', number: 'KA 01 1', vehicleType: '32ft_mxl' },
})
const ofType = (vehicleType: string) => ({ ...hopeless, vehicle: { ...hopeless.vehicle, vehicleType } })

describe('R2.2 an accept with several faults is refused for the first of them', () => {
  test('the state of the request comes first', () => {
    expect(refuse(full, hopeless)).toBe('NO_LONGER_AVAILABLE')
    expect(refuse(cancelled, hopeless)).toBe('BROADCAST_CANCELLED')
    expect(refuse(expired, hopeless)).toBe('BROADCAST_EXPIRED')
  })

  test('the deadline is part of the state, even before its timer fires', () => {
    expect(refuse(half, { ...hopeless, at: CREATED_AT + TIMEOUT_MS })).toBe('BROADCAST_EXPIRED')
    expect(refuse(half, { ...hopeless, at: CREATED_AT + TIMEOUT_MS - 1 })).toBe('VEHICLE_TYPE_MISMATCH')
  })

  test('then a type that the request does not need, then no open truck of it', () => {
    expect(refuse(half, hopeless)).toBe('VEHICLE_TYPE_MISMATCH')
    expect(refuse(half, ofType('tata_ace'))).toBe('NO_LONGER_AVAILABLE')
  })

  test('then the driver, then the vehicle', () => {
    expect(refuse(half, ofType('14ft'))).toBe('DRIVER_BUSY')
    expect(refuse(half, { ...ofType('14ft'), driver: { id: 'driver-3', name: 'D' } })).toBe('VEHICLE_BUSY')
  })
})

test('a driver whose trip here is over is not busy, but the vehicle may be', () => {
  const three = create({ trucks: [{ vehicleType: 'tata_ace', count: 3 }] })
  const past = sendAll(three, accept(1), tripEvent('trip.release', 1), accept(2))
  const event = accept(3, { driver: accept(1).driver, vehicle: accept(2).vehicle })
  expect(refuse(past, event)).toBe('VEHICLE_BUSY')
})

describe('the checks of an accept before those of the fleet', () => {
  test('are of the state alone', () => {
    const early = { at: CREATED_AT }
    expect(refuseByState(half.snapshot, early)).toBeUndefined()
    expect(refuseByState(half.snapshot, { at: CREATED_AT + TIMEOUT_MS })?.reason).toBe('BROADCAST_EXPIRED')
    expect(refuseByState(full.snapshot, early)?.reason).toBe('NO_LONGER_AVAILABLE')
    expect(refuseByState(cancelled.snapshot, early)?.reason).toBe('BROADCAST_CANCELLED')
    expect(refuseByState(expired.snapshot, early)?.reason).toBe('BROADCAST_EXPIRED')
  })
})

describe('a permanent refusal', () => {
  const permanently = (step: Stepped, type: string) =>
    broadcastDefinition.refusePermanently(step.snapshot, type)?.reason

  test('is given to accepts of a request that no longer seeks', () => {
    expect(permanently(full, 'accept')).toBe('NO_LONGER_AVAILABLE')
    expect(permanently(cancelled, 'accept')).toBe('BROADCAST_CANCELLED')
    expect(permanently(expired, 'accept')).toBe('BROADCAST_EXPIRED')
  })

  test('is given to nothing else: the release of a truck makes other accepts possible again', () => {
    expect(permanently(two, 'accept')).toBeUndefined()
    expect(permanently(half, 'accept')).toBeUndefined()
    for (const type of Object.keys(broadcastDefinition.commands).filter(other => other !== 'accept')) {
      for (const step of [two, half, full, cancelled, expired])
        expect(permanently(step, type)).toBeUndefined()
    }
  })
})

test('a held claim refuses with the reason of what it stands for', () => {
  const holder = '0197c000-0000-7000-8000-000000000009'
  expect(broadcastDefinition.refuseClaim('customer:c:1', holder)).toEqual({
    reason: 'ACTIVE_BROADCAST_EXISTS',
    broadcastId: holder,
  })
  expect(broadcastDefinition.refuseClaim('driver:customer:1', holder)).toEqual({ reason: 'DRIVER_BUSY' })
  expect(broadcastDefinition.refuseClaim('vehicle:v', holder)).toEqual({ reason: 'VEHICLE_BUSY' })
})

test('an expired request whose trips are all delivered is too late to cancel, not merely expired', () => {
  const delivered = sendAll(expired, tripEvent('trip.start', 1), tripEvent('trip.complete', 1))
  expect(refuse(delivered, cancel())).toBe('TOO_LATE_TO_CANCEL')
})

test('events that the program sends itself are never refused, only without effect', () => {
  for (const step of [two, half, full, cancelled, expired]) {
    expect(refuse(step, { type: 'reach.exhausted', step: 4 })).toBeUndefined()
    expect(refuse(step, { type: 'xstate.after.gone' })).toBeUndefined()
  }
})
