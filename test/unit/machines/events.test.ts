import { describe, expect, test } from '@jest/globals'
import {
  type BroadcastCommandType,
  broadcastCommands,
  broadcastInput,
  broadcastMachine,
} from '../../../src/machines/index.js'
import { broadcastInputOf, uuid } from './stepping.js'

const isInput = (overrides: object) =>
  broadcastInput.safeParse({ ...broadcastInputOf(), ...overrides }).success

const driver = { id: 'driver-1', name: 'Asha' }
const vehicle = { id: 'vehicle-1', number: 'KA 01 AB 1234', vehicleType: 'tata_ace' }

const VALID: Readonly<Record<BroadcastCommandType, readonly object[]>> = {
  accept: [
    { transporterId: 't', driver, vehicle },
    { transporterId: 't', driver: { ...driver, phone: '+91 98' }, vehicle },
  ],
  cancel: [{}, { reason: 'plans changed' }],
  'trip.start': [{ tripId: uuid(1) }],
  'trip.complete': [{ tripId: uuid(1) }],
  'trip.release': [{ tripId: uuid(1) }, { tripId: uuid(1), reason: 'puncture' }],
  'trip.abandon': [{ tripId: uuid(1) }, { tripId: uuid(1), reason: 'breakdown' }],
  'reach.exhausted': [{ step: 1 }, { step: 4 }, { step: 'everyone' }],
}

const isCommand = (type: string, fields: object) =>
  broadcastCommands[type as BroadcastCommandType].safeParse({ type, ...fields }).success

test('every event of the machine has a schema, except those that it raises itself', () => {
  const own = (type: string) => type.startsWith('xstate.') || type === 'reach.stop'
  const outer = broadcastMachine.events.filter(type => !own(type))
  expect(Object.keys(broadcastCommands).sort()).toEqual([...outer].sort())
})

describe.each(Object.entries(VALID))('a %s', (type, examples) => {
  test('is accepted if it is correct', () => {
    for (const fields of examples) expect(isCommand(type, fields)).toBe(true)
  })

  test('is refused with an unknown field, a missing one, a stamp or another type', () => {
    for (const fields of examples) {
      expect(isCommand(type, { ...fields, extra: 1 })).toBe(false)
      expect(isCommand(type, { ...fields, at: 1, uid: uuid(1) })).toBe(false)
      expect(isCommand(type, { ...fields, type: 'xstate.init' })).toBe(false)
      for (const field of Object.keys(fields).filter(name => name !== 'reason')) {
        expect(isCommand(type, { ...fields, [field]: undefined })).toBe(false)
      }
    }
  })
})

test('ids, trip ids and steps of other forms are refused', () => {
  for (const id of ['', 'a b', 'a\u0000', 'x'.repeat(65), 'ü', 'a/b', 7]) {
    expect(isCommand('accept', { transporterId: id, driver, vehicle })).toBe(false)
    expect(isCommand('accept', { transporterId: 't', driver: { ...driver, id }, vehicle })).toBe(false)
  }
  for (const tripId of ['', 'nope', '1', 1, null]) expect(isCommand('trip.start', { tripId })).toBe(false)
  for (const step of [0, 5, 1.5, '1', 'done']) expect(isCommand('reach.exhausted', { step })).toBe(false)
})

describe('text', () => {
  const strings = ['\u0000', 'a\u0000b', '\uD800', 'a\uDC00', '\uDE00\uD83D', 'x'.repeat(501)]

  test.each(strings)('that cannot be stored or is too long is refused: %j', text => {
    expect(isCommand('cancel', { reason: text })).toBe(false)
    expect(isInput({ goods: text })).toBe(false)
    expect(isInput({ notes: text })).toBe(false)
    expect(isInput({ pickup: { lat: 1, lng: 1, address: text } })).toBe(false)
    expect(isInput({ fingerprint: text })).toBe(false)
    const named = { transporterId: 't', driver: { ...driver, name: text }, vehicle }
    expect(isCommand('accept', named)).toBe(false)
  })

  test('is accepted in any script, with emoji and line breaks', () => {
    expect(isInput({ goods: 'चावल 🌾 rice\n20 t', notes: 'x'.repeat(500) })).toBe(true)
  })
})

describe('the input', () => {
  test('is accepted if it is correct, with one to four distances and one to 500 trucks', () => {
    expect(isInput({})).toBe(true)
    expect(isInput({ reachStepsKm: [3.5] })).toBe(true)
    expect(isInput({ trucks: [{ vehicleType: 'a', count: 500 }] })).toBe(true)
    expect(isInput({ cancelWindowMs: 0 })).toBe(true)
    expect(isInput({ retryOf: uuid(3), fingerprint: 'abc', pricePerTruck: 0.5 })).toBe(true)
  })

  test.each<[string, object]>([
    ['no truck', { trucks: [] }],
    ['zero trucks', { trucks: [{ vehicleType: 'a', count: 0 }] }],
    ['a negative number of trucks', { trucks: [{ vehicleType: 'a', count: -1 }] }],
    ['half a truck', { trucks: [{ vehicleType: 'a', count: 1.5 }] }],
    ['a million trucks', { trucks: [{ vehicleType: 'a', count: 1_000_000 }] }],
    ['501 trucks in lines', { trucks: Array.from({ length: 3 }, () => ({ vehicleType: 'a', count: 167 })) }],
    ['a type that is no slug', { trucks: [{ vehicleType: 'Tata Ace', count: 1 }] }],
    ['a latitude that is not a number', { pickup: { lat: Number.NaN, lng: 0 } }],
    ['a latitude out of range', { pickup: { lat: 90.1, lng: 0 } }],
    ['a longitude out of range', { drop: { lat: 0, lng: -180.1 } }],
    ['an unknown field of a place', { drop: { lat: 0, lng: 0, zoom: 3 } }],
    ['an unknown field', { at: 0 }],
    ['an unknown kind', { kind: 'auction' }],
    ['a price of nothing', { pricePerTruck: 0 }],
    ['no distance', { reachStepsKm: [] }],
    ['five distances', { reachStepsKm: [1, 2, 3, 4, 5] }],
    ['distances that do not grow', { reachStepsKm: [10, 10] }],
    ['a distance round the world', { reachStepsKm: [50_000] }],
    ['no time at all', { timeoutMs: 0 }],
    ['endless time', { timeoutMs: Number.POSITIVE_INFINITY }],
    ['a fraction of a millisecond', { reachStepMs: 0.5 }],
    ['a negative window', { cancelWindowMs: -1 }],
    ['a retry of something that is no id', { retryOf: 'x' }],
  ])('is refused with %s', (_, overrides) => {
    expect(isInput(overrides)).toBe(false)
  })

  test('R1.2 of a booking names one vehicle type, of an order any number', () => {
    const trucks = ['a', 'b'].map(vehicleType => ({ vehicleType, count: 1 }))
    expect(isInput({ kind: 'order', trucks })).toBe(true)
    expect(isInput({ kind: 'booking', trucks })).toBe(false)
    expect(isInput({ kind: 'booking', trucks: trucks.slice(1) })).toBe(true)
  })
})
