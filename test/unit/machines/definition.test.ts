import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { statusOf } from '../../../src/machines/broadcast/machine.js'
import {
  broadcastCommands,
  broadcastDefinition,
  type broadcastMachine,
  nextEvents,
  openTypes,
  trucksFilled,
} from '../../../src/machines/index.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { exploreBroadcast } from './exploring.js'
import {
  accept,
  CREATED_AT,
  cancel,
  create,
  deadline,
  sendAll,
  TIMEOUT_MS,
  timer,
  tripEvent,
  uuid,
  WINDOW,
} from './stepping.js'

const two = create({ trucks: [{ vehicleType: 'tata_ace', count: 2 }] })
const half = sendAll(two, accept(1))
const full = sendAll(half, accept(2))
const of = (step: typeof two) => step.snapshot

test('the broadcast definition has the type that the runtime expects, as itself and as any definition', () => {
  const typed: Definition<typeof broadcastMachine> = broadcastDefinition
  const any: Definition = broadcastDefinition
  expect(any).toBe(typed)
})

test('the status is the contract’s', () => {
  const status = (step: typeof two) => broadcastDefinition.status(of(step))
  expect(status(two)).toBe('searching')
  expect(status(half)).toBe('partially_filled')
  expect(status(full)).toBe('fully_filled')
  expect(status(sendAll(full, timer(WINDOW)))).toBe('fully_filled')
  expect(status(sendAll(full, cancel()))).toBe('cancelled')
  expect(status(sendAll(half, deadline()))).toBe('expired')
})

test('the status that announcements derive from the context is that of the state', () => {
  for (const snapshot of exploreBroadcast()) {
    expect(statusOf(snapshot.context)).toBe(broadcastDefinition.status(snapshot))
  }
})

describe('R10.2 R3.4 claims', () => {
  const claims = (step: typeof two) => broadcastDefinition.claims(of(step))
  const one = ['driver:driver-1', 'vehicle:vehicle-1']
  const both = [...one, 'driver:driver-2', 'vehicle:vehicle-2']

  test('hold the customer only while the request seeks', () => {
    expect(claims(two)).toEqual(['customer:customer-1'])
    expect(claims(half)).toEqual(['customer:customer-1', ...one])
    expect(claims(full)).toEqual(both)
    expect(claims(sendAll(two, cancel()))).toEqual([])
    expect(claims(sendAll(half, deadline()))).toEqual(one)
  })

  test('hold driver and vehicle while their trip is assigned or started', () => {
    const started = sendAll(full, tripEvent('trip.start', 1))
    expect(claims(started)).toEqual(both)
    expect(claims(sendAll(started, tripEvent('trip.complete', 1)))).toEqual(both.slice(2))
    expect(claims(sendAll(full, tripEvent('trip.release', 2)))).toEqual(one)
    expect(claims(sendAll(full, cancel()))).toEqual([])
  })
})

describe('the projection of trips', () => {
  const [projection] = broadcastDefinition.projections

  test('has the columns of the table, except those that the runtime fills', () => {
    const migration = readFileSync(
      new URL('../../../migrations/0001_foundation.sql', import.meta.url),
      'utf8',
    )
    const body = /create table trips \(([^;]*)\);/.exec(migration)?.[1] ?? ''
    const columns = [...body.matchAll(/^ {2}(\w+) (\w+)/gm)].map(([, name, type]) => [name, type])
    const { instance, version, ...rest } = Object.fromEntries(columns)
    expect(rest).toEqual(projection.columns)
    expect([instance, version]).toEqual(['uuid', 'integer'])
  })

  test('has a row for each trip, including past ones, with times as ISO 8601', () => {
    const step = sendAll(half, tripEvent('trip.release', 1, 60), accept(2), tripEvent('trip.start', 2, 70))
    const iso = (ms: number) => new Date(CREATED_AT + ms).toISOString()
    const rows = projection.rows(step.snapshot)
    expect(rows).toEqual([
      {
        id: uuid(1),
        truck_id: 't1',
        customer_id: 'customer-1',
        transporter_id: 'transporter-1',
        driver_id: 'driver-1',
        vehicle_id: 'vehicle-1',
        status: 'released',
        driver: { id: 'driver-1', name: 'Driver 1' },
        vehicle: { id: 'vehicle-1', number: 'KA 01 1', vehicleType: 'tata_ace' },
        assigned_at: iso(1),
        started_at: null,
        ended_at: iso(60),
      },
      expect.objectContaining({ status: 'started', started_at: iso(70), ended_at: null }),
    ])
    for (const row of rows) expect(Object.keys(row)).toEqual(Object.keys(projection.columns))
  })
})

describe('the next events', () => {
  const at = CREATED_AT + 1_000

  test('are those that the machine would take, in every reachable situation', () => {
    for (const snapshot of exploreBroadcast()) {
      const n = snapshot.context.trips.length + 1
      const newcomers = openTypes(snapshot.context).map(vehicleType =>
        accept(n, { at, vehicle: { id: `vehicle-${n}`, number: 'KA', vehicleType } }),
      )
      const trips = snapshot.context.trips.flatMap((_, index) =>
        (['trip.start', 'trip.complete', 'trip.release', 'trip.abandon'] as const).map(type =>
          tripEvent(type, index + 1),
        ),
      )
      const taken = [...newcomers, cancel(), ...trips].filter(event => snapshot.can(event))
      expect([...nextEvents(snapshot, at)].sort()).toEqual(
        [...new Set(taken.map(event => event.type))].sort(),
      )
    }
  })

  test('is every command that users have, in some situation', () => {
    const sent = new Set<string>(exploreBroadcast().flatMap(snapshot => nextEvents(snapshot, at)))
    const ofUsers = Object.keys(broadcastCommands).filter(type => type !== 'reach.exhausted')
    expect([...sent].sort()).toEqual(ofUsers.sort())
  })

  test('have no accept after the deadline, even if its timer is late', () => {
    expect(nextEvents(of(two), CREATED_AT + TIMEOUT_MS - 1)).toEqual(['accept', 'cancel'])
    expect(nextEvents(of(two), CREATED_AT + TIMEOUT_MS)).toEqual(['cancel'])
  })
})

test('trucks are numbered in the order of the request, and an accept takes the first open one of its type', () => {
  const mixed = create({
    trucks: [
      { vehicleType: 'tata_ace', count: 2 },
      { vehicleType: '14ft', count: 1 },
    ],
  })
  const vehicle = { id: 'v', number: 'KA', vehicleType: '14ft' }
  const { context } = sendAll(mixed, accept(1, { vehicle }), accept(2)).snapshot
  expect(context.trucks).toEqual([
    { id: 't1', vehicleType: 'tata_ace', tripId: uuid(2) },
    { id: 't2', vehicleType: 'tata_ace', tripId: null },
    { id: 't3', vehicleType: '14ft', tripId: uuid(1) },
  ])
  expect(trucksFilled(context)).toBe(2)
  expect(openTypes(context)).toEqual(['tata_ace'])
})

test('fields that were not given are not in the context, so that JSON does not change it', () => {
  const bare = create({ goods: undefined, notes: undefined }).snapshot.context
  expect(Object.keys(bare)).toEqual(Object.keys(JSON.parse(JSON.stringify(bare))))
  const full = { goods: 'steel', notes: 'gate 2', pricePerTruck: 9_000, fingerprint: 'f', retryOf: uuid(9) }
  expect(create(full).snapshot.context).toMatchObject(full)
})
