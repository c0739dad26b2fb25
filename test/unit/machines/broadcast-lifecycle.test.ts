import { describe, expect, test } from '@jest/globals'
import type { AnyStateNode } from 'xstate'
import {
  type BroadcastEvent,
  type BroadcastSnapshot,
  broadcastDefinition,
  broadcastMachine,
  isLive,
  type Trip,
  tripMachine,
} from '../../../src/machines/index.js'
import type { StampedEvent } from '../../../src/runtime/definition.js'
import { exploreBroadcast, newAccept, TRIP_EVENT_TYPES } from './exploring.js'
import { CREATED_AT, cancel, leafOf, send, TIMEOUT_MS, timer, tripEvent } from './stepping.js'

/*
 * What every event does in every situation of the lifecycle. A cell is the state it leads to, the
 * reason why it is refused, `ignored` when nothing happens and that is fine, or `never` when no path
 * leads to such a situation. `=` is the state itself.
 */
const TABLE = `
                                   | S         | P1        | P2        | P2+       | R         | F+        | F         | C         | X?        | X+        | X
accept                             | partial   | =         | revocable | settled   | TAKEN     | TAKEN     | TAKEN     | CANCELLED | EXPIRED   | EXPIRED   | EXPIRED
accept at the deadline             | EXPIRED   | EXPIRED   | EXPIRED   | EXPIRED   | TAKEN     | TAKEN     | TAKEN     | CANCELLED | EXPIRED   | EXPIRED   | EXPIRED
accept of a type nobody asked for  | MISMATCH  | MISMATCH  | MISMATCH  | MISMATCH  | TAKEN     | TAKEN     | TAKEN     | CANCELLED | EXPIRED   | EXPIRED   | EXPIRED
accept of a type all taken         | never     | TAKEN     | TAKEN     | TAKEN     | TAKEN     | TAKEN     | TAKEN     | CANCELLED | EXPIRED   | EXPIRED   | never
accept with a driver on a trip     | never     | DRIVER    | DRIVER    | DRIVER    | TAKEN     | TAKEN     | TAKEN     | CANCELLED | EXPIRED   | EXPIRED   | never
accept with a vehicle on a trip    | never     | VEHICLE   | VEHICLE   | VEHICLE   | TAKEN     | TAKEN     | TAKEN     | CANCELLED | EXPIRED   | EXPIRED   | never
accept with both, trip over        | partial   | =         | revocable | settled   | TAKEN     | TAKEN     | TAKEN     | CANCELLED | EXPIRED   | EXPIRED   | EXPIRED
cancel                             | cancelled | cancelled | cancelled | cancelled | cancelled | TOO_LATE  | TOO_LATE  | ignored   | cancelled | TOO_LATE  | EXPIRED
after broadcastTimeout             | expired   | expired   | expired   | expired   | ignored   | ignored   | ignored   | ignored   | ignored   | ignored   | ignored
after cancelWindow                 | ignored   | ignored   | ignored   | ignored   | settled   | ignored   | ignored   | ignored   | ignored   | ignored   | ignored
trip.start, assigned               | never     | =         | =         | =         | settled   | =         | =         | never     | =         | never     | never
trip.start, started                | never     | NO        | never     | NO        | never     | NO        | never     | NO        | NO        | NO        | never
trip.start, completed              | never     | NO        | never     | NO        | never     | NO        | never     | NO        | NO        | NO        | never
trip.start, released               | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO
trip.start, cancelled              | never     | never     | never     | never     | never     | never     | never     | CANCELLED | never     | never     | never
trip.start, abandoned              | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO
trip.start, unknown                | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND
trip.complete, assigned            | never     | NO        | NO        | NO        | NO        | NO        | NO        | never     | NO        | never     | never
trip.complete, started             | never     | =         | never     | =         | never     | =         | never     | =         | =         | =         | never
trip.complete, completed           | never     | NO        | never     | NO        | never     | NO        | never     | NO        | NO        | NO        | never
trip.complete, released            | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO
trip.complete, cancelled           | never     | never     | never     | never     | never     | never     | never     | NO        | never     | never     | never
trip.complete, abandoned           | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO
trip.complete, unknown             | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND
trip.release, assigned             | never     | searching | =         | =         | expired   | expired   | expired   | never     | =         | never     | never
trip.release, started              | never     | NO        | never     | NO        | never     | NO        | never     | NO        | NO        | NO        | never
trip.release, completed            | never     | NO        | never     | NO        | never     | NO        | never     | NO        | NO        | NO        | never
trip.release, released             | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO
trip.release, cancelled            | never     | never     | never     | never     | never     | never     | never     | NO        | never     | never     | never
trip.release, abandoned            | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO
trip.release, unknown              | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND
trip.abandon, assigned             | never     | searching | =         | =         | expired   | expired   | expired   | never     | =         | never     | never
trip.abandon, started              | never     | searching | never     | =         | never     | expired   | never     | =         | =         | =         | never
trip.abandon, completed            | never     | NO        | never     | NO        | never     | NO        | never     | NO        | NO        | NO        | never
trip.abandon, released             | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO
trip.abandon, cancelled            | never     | never     | never     | never     | never     | never     | never     | NO        | never     | never     | never
trip.abandon, abandoned            | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO        | NO
trip.abandon, unknown              | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND | NOT_FOUND
`

const OUTCOMES: Readonly<Record<string, string>> = {
  partial: 'partially_filled',
  TAKEN: 'NO_LONGER_AVAILABLE',
  CANCELLED: 'BROADCAST_CANCELLED',
  EXPIRED: 'BROADCAST_EXPIRED',
  MISMATCH: 'VEHICLE_TYPE_MISMATCH',
  DRIVER: 'DRIVER_BUSY',
  VEHICLE: 'VEHICLE_BUSY',
  TOO_LATE: 'TOO_LATE_TO_CANCEL',
  NO: 'EVENT_NOT_ALLOWED',
}

const hasTrip = ({ context }: BroadcastSnapshot, ...statuses: readonly Trip['status'][]) =>
  context.trips.some(trip => statuses.includes(trip.status))

const isUnderWay = (snapshot: BroadcastSnapshot) => hasTrip(snapshot, 'started', 'completed')

const taken = ({ context }: BroadcastSnapshot) => context.trucks.filter(truck => truck.tripId !== null).length

interface Situation {
  readonly leaf: string
  readonly title: string
  readonly isIt: (snapshot: BroadcastSnapshot) => boolean
}

const always = () => true

const SITUATIONS: Readonly<Record<string, Situation>> = {
  S: { leaf: 'searching', title: 'searching', isIt: always },
  P1: {
    leaf: 'partially_filled',
    title: 'partially_filled with two trucks missing',
    isIt: it => taken(it) === 1,
  },
  P2: {
    leaf: 'partially_filled',
    title: 'partially_filled with one truck missing',
    isIt: it => taken(it) === 2 && !isUnderWay(it),
  },
  'P2+': {
    leaf: 'partially_filled',
    title: 'partially_filled with one truck missing and a trip under way',
    isIt: it => taken(it) === 2 && isUnderWay(it),
  },
  R: { leaf: 'revocable', title: 'revocable', isIt: always },
  'F+': { leaf: 'settled', title: 'settled with a trip under way', isIt: isUnderWay },
  F: { leaf: 'settled', title: 'settled by the window alone', isIt: it => !isUnderWay(it) },
  C: { leaf: 'cancelled', title: 'cancelled', isIt: always },
  'X?': { leaf: 'expired', title: 'expired with an unstarted trip', isIt: it => hasTrip(it, 'assigned') },
  'X+': {
    leaf: 'expired',
    title: 'expired with all its trips under way',
    isIt: it => !hasTrip(it, 'assigned') && isUnderWay(it),
  },
  X: { leaf: 'expired', title: 'expired without a truck', isIt: it => taken(it) === 0 },
}

/** All ways to send the row's event in a snapshot; none if it makes no sense there. */
type Attempts = (snapshot: BroadcastSnapshot) => readonly BroadcastEvent[]

const isOpen = ({ context }: BroadcastSnapshot, type: string) =>
  context.trucks.some(truck => truck.tripId === null && truck.vehicleType === type)

/** Accepts with what is on the chosen trips, of a type still open if there is one. */
const acceptsWith =
  (what: 'driver' | 'vehicle' | 'both', isChosen: (trip: Trip) => boolean): Attempts =>
  snapshot => {
    const busy = snapshot.context.trips.filter(isChosen)
    const live = snapshot.context.trips.filter(isLive)
    const type = isOpen(snapshot, 'tata_ace') ? 'tata_ace' : '14ft'
    return busy
      .filter(trip => isLive(trip) || !live.some(other => other.driver.id === trip.driver.id))
      .map(trip => {
        const fresh = newAccept(snapshot, type)
        const driver = what === 'vehicle' ? fresh.driver : trip.driver
        const vehicle = what === 'driver' ? fresh.vehicle : { ...trip.vehicle, vehicleType: type }
        return { ...fresh, driver, vehicle }
      })
  }

const askedTypes = ['tata_ace', '14ft']

const acceptRows: Readonly<Record<string, Attempts>> = {
  accept: it => {
    const open = askedTypes.filter(type => isOpen(it, type))
    return (open.length === 0 ? askedTypes : open).map(type => newAccept(it, type))
  },
  'accept at the deadline': it =>
    askedTypes.map(type => ({ ...newAccept(it, type), at: CREATED_AT + TIMEOUT_MS })),
  'accept of a type nobody asked for': it => [newAccept(it, '32ft_mxl')],
  'accept of a type all taken': it =>
    askedTypes.filter(type => !isOpen(it, type)).map(type => newAccept(it, type)),
  'accept with a driver on a trip': acceptsWith('driver', isLive),
  'accept with a vehicle on a trip': acceptsWith('vehicle', isLive),
  'accept with both, trip over': acceptsWith('both', trip => !isLive(trip)),
}

const tripRows = TRIP_EVENT_TYPES.flatMap(type => [
  ...Object.keys(tripMachine.states).map((status): [string, Attempts] => [
    `${type}, ${status}`,
    ({ context }) =>
      context.trips.flatMap((trip, index) => (trip.status === status ? [tripEvent(type, index + 1)] : [])),
  ]),
  [`${type}, unknown`, () => [tripEvent(type, 99)]] as [string, Attempts],
])

const lifecycle = broadcastMachine.root.states.lifecycle as AnyStateNode

/** One or more rows for each event that the lifecycle knows: from the machine, so none is forgotten. */
const ROWS: Readonly<Record<string, Attempts>> = Object.fromEntries(
  lifecycle.events.flatMap((type: string): [string, Attempts][] => {
    if (type === 'accept') return Object.entries(acceptRows)
    if (type === 'cancel') return [['cancel', () => [cancel()]]]
    if (type.startsWith('trip.')) return tripRows.filter(([row]) => row.startsWith(`${type},`))
    return [[type.replace(/^xstate\.(after\.\w+).*/, '$1').replace('.', ' '), () => [timer(type)]]]
  }),
)

function* leavesOf(node: AnyStateNode): Generator<string> {
  const children = Object.values(node.states)
  if (children.length === 0) yield node.key
  for (const child of children) yield* leavesOf(child)
}

function parseTable(text: string) {
  const [header = [], ...lines] = text
    .trim()
    .split('\n')
    .map(line => line.split('|').map(cell => cell.trim()))
  // The header's first cell is blank and trimmed away with the text.
  const columns = header.filter(cell => cell !== '')
  return { columns, rows: new Map(lines.map(([row = '', ...cells]) => [row, cells])) }
}

const table = parseTable(TABLE)
const situations = exploreBroadcast()

function outcomeOf(snapshot: BroadcastSnapshot, event: BroadcastEvent): string {
  const { snapshot: next, actions } = send(snapshot, event)
  if (next !== snapshot) return leafOf(next)
  expect(actions).toEqual([])
  return broadcastDefinition.refuse(snapshot, event as StampedEvent)?.reason ?? 'ignored'
}

test('R1.1 the table has a row for every event of the machine and a column for every state', () => {
  expect([...table.rows.keys()].sort()).toEqual(Object.keys(ROWS).sort())
  expect(table.columns).toEqual(Object.keys(SITUATIONS))
  const leaves = new Set(Object.values(SITUATIONS).map(situation => situation.leaf))
  expect([...leaves].sort()).toEqual([...leavesOf(lifecycle)].sort())
  for (const cells of table.rows.values()) expect(cells).toHaveLength(table.columns.length)
})

test('every reachable situation belongs to exactly one column', () => {
  for (const snapshot of situations) {
    const fitting = Object.values(SITUATIONS).filter(it => it.leaf === leafOf(snapshot) && it.isIt(snapshot))
    expect(fitting).toHaveLength(1)
  }
  expect(situations.length).toBeGreaterThan(100)
})

describe.each(Object.entries(SITUATIONS))('R1.1 %s', (column, { leaf, title, isIt }) => {
  const here = situations.filter(snapshot => leafOf(snapshot) === leaf && isIt(snapshot))
  const index = table.columns.indexOf(column)

  test.each(Object.entries(ROWS))(`when ${title}: %s`, (row, attempts) => {
    const cell = table.rows.get(row)?.[index]
    const expected = cell === '=' ? leaf : (OUTCOMES[cell ?? ''] ?? cell)
    const outcomes = here.flatMap(snapshot => attempts(snapshot).map(event => outcomeOf(snapshot, event)))
    expect([...new Set(outcomes)]).toEqual(expected === 'never' ? [] : [expected])
  })
})
