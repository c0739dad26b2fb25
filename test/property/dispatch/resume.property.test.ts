/*
 * Whatever happens to requests, to deliveries, to a server and to the ways of its clients: each client ends up with the
 * ids that the event table says it should have, every one of them, and none of another's. Time passes by moving what is
 * recorded into the past, so that what lies between two events is longer than any overlap.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Client, createClient } from '../../../src/client/index.js'
import type { Role } from '../../../src/dispatch/person.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'
import { type ClientLink, openClientLink } from '../../support/network/client-link.js'
import { type Client as Caller, createClient as createCaller } from '../../support/server/clients.js'
import { idsFor } from '../../support/server/event-log.js'
import { asking, hire, registerTruck, type Truck } from '../../support/server/fleet.js'
import { startTestApp, type TestApp } from '../../support/server/server.js'
import { tokenFor } from '../../support/server/tokens.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const numRuns = isLong ? 100 : 4

let database: TestDatabase
let app: TestApp
/** Deliveries from memory fail, as if the process had died after the commit. */
let isFailing = false

const start = () =>
  startTestApp({
    database,
    faults(point) {
      if (isFailing && point === 'delivery.before') throw new Error('as if this process had died here')
    },
  })

beforeAll(async () => {
  database = await createTestDatabase()
  app = await start()
})
afterAll(async () => {
  await app.close()
  await database.drop()
})

// ── what may happen ──────────────────────────────────────────────────────────────────────────────────────

const CLIENTS = 4 // a customer, a transporter, and a driver of each of its two trucks
const who = fc.nat({ max: CLIENTS - 1 })
const truck = fc.nat({ max: 1 })
const act = fc.oneof(
  fc.record({ kind: fc.constant('ask' as const) }),
  fc.record({ kind: fc.constant('accept' as const), truck }),
  fc.record({
    kind: fc.constant('trip' as const),
    truck,
    type: fc.constantFrom('start' as const, 'complete' as const, 'release' as const),
  }),
  fc.record({ kind: fc.constant('cancel' as const) }),
)
const happening = fc.oneof(
  { weight: 8, arbitrary: act },
  // Committed, and the process that was to tell of it has died.
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('untold' as const), act }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('taken over' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('time passes' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('away' as const), who }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('back' as const), who }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('cut' as const),
      who,
      bytes: fc.integer({ min: 1, max: 6_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
)
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never

// ── those to whom it happens ─────────────────────────────────────────────────────────────────────────────

interface Party {
  readonly id: string
  readonly role: Role
  readonly client: Client
  readonly link: ClientLink
  readonly ids: Set<string>
}

async function join(role: Role, id: string): Promise<Party> {
  const link = await openClientLink(app.url)
  const backoff = { firstMs: 5, longestMs: 50 }
  const client = createClient({ url: link.url, token: await tokenFor(role, id), backoff })
  const ids = new Set<string>()
  client.on('event', event => {
    if (!('id' in event)) return
    expect(ids.has(event.id)).toBe(false)
    ids.add(event.id)
  })
  client.on('dropped', ({ event, why }) => {
    if (why === 'older') ids.add(event.id)
    else expect(ids.has(event.id)).toBe(true)
  })
  expect(await client.connect()).toEqual({ ok: true })
  return { id, role, client, link, ids }
}

interface World {
  readonly customer: Caller
  readonly transporter: Caller
  readonly trucks: readonly Pick<Truck, 'driverId' | 'vehicleId'>[]
  readonly parties: readonly Party[]
  request: string
  readonly tripOf: Map<number, string>
}

let worlds = 0

async function newWorld(): Promise<World> {
  const name = `w${++worlds}`
  const { transporter, driverId, vehicleId } = await registerTruck(app.url, name, { isReady: true })
  const second = { driverId: `d-${name}-2`, vehicleId: `v-${name}-2` }
  await hire(transporter, await createCaller(app.url, 'driver', second.driverId), { name: 'Ravi' })
  await transporter.put(`/api/v1/transporter/vehicles/${second.vehicleId}`, {
    vehicleType: '14ft',
    number: 'DL 2',
  })
  const customer = await createCaller(app.url, 'customer', `c-${name}`)
  const parties = await Promise.all([
    join('customer', customer.id),
    join('transporter', transporter.id),
    join('driver', driverId),
    join('driver', second.driverId),
  ])
  const trucks = [{ driverId, vehicleId }, second]
  return { customer, transporter, trucks, parties, request: '', tripOf: new Map() }
}

/** Calls are made to the server itself, whatever becomes of the clients' ways. */
async function post(caller: Caller, path: string, body: unknown) {
  const { post } = await createCaller(app.url, roleOf(caller), caller.id)
  return post(path, body)
}
const roleOf = ({ id }: Caller): Role => (id.startsWith('c-') ? 'customer' : 'transporter')

async function passTime(): Promise<void> {
  const ago = "- interval '30 seconds'"
  await app.query(`update events set recorded_at = recorded_at ${ago}, late_at = late_at ${ago}`)
  await app.query(`update recipients set offered_at = offered_at ${ago}`)
}

async function takeOver(): Promise<void> {
  isFailing = false
  await until(async () => {
    await app.query('update outbox set due_at = now()')
    return (await app.query('select from outbox')).length === 0
  })
}

async function happen(world: World, what: Happening | Act): Promise<void> {
  const { customer, transporter, trucks, parties, tripOf } = world
  switch (what.kind) {
    case 'ask': {
      const { body, status } = await post(customer, '/api/v1/broadcasts', {
        ...asking(2),
        notes: String(Math.random()),
      })
      if (status === 201) world.request = body.id
      return
    }
    case 'accept': {
      const { body, status } = await post(
        transporter,
        `/api/v1/broadcast/${world.request || '0'}/accept`,
        trucks[what.truck],
      )
      if (status === 200) tripOf.set(what.truck, body.assignment.tripId)
      return
    }
    case 'trip':
      await post(transporter, `/api/v1/trips/${tripOf.get(what.truck) ?? '0'}/events`, { type: what.type })
      return
    case 'cancel':
      await post(customer, `/api/v1/broadcasts/${world.request || '0'}/events`, { type: 'cancel' })
      return
    case 'away':
      parties[what.who]?.link.sever()
      return
    case 'back':
      parties[what.who]?.link.restore()
      return
    case 'cut':
      parties[what.who]?.link.cutAfter(what.bytes)
      return
    case 'time passes':
      // A client that has seen nothing holds a moment, which would not pass with the rest.
      if (parties.every(({ ids }) => ids.size > 0)) await passTime()
      return
    case 'untold':
      isFailing = true
      await happen(world, what.act)
      // No process takes over a failed delivery for now. One that was told but could not be crossed out, because this statement
      // held its row, is tried again when its lease has run out.
      await until(async () => {
        await app.query("update outbox set due_at = now() + interval '1 hour' where attempts > 0")
        return (await app.query('select from outbox where attempts = 0')).length === 0
      })
      isFailing = false
      return
    case 'taken over':
      await takeOver()
      return
    case 'restart': {
      const { close } = app
      app = await start()
      for (const { link } of parties) link.cut(app.url)
      await close()
    }
  }
}

/** What a client saw last is younger than what is told while it is away. */
const lateExample: Happening[] = [
  { kind: 'ask' },
  { kind: 'accept', truck: 0 },
  { kind: 'untold', act: { kind: 'accept', truck: 1 } },
  { kind: 'time passes' },
  { kind: 'trip', truck: 0, type: 'start' },
  { kind: 'time passes' },
  { kind: 'away', who: 0 },
  { kind: 'taken over' },
  { kind: 'back', who: 0 },
]

/** Everybody has heard of something, so that everybody holds an id. */
async function beginning(world: World): Promise<void> {
  await happen(world, { kind: 'ask' })
  for (const truck of [0, 1]) await happen(world, { kind: 'accept', truck })
  await until(() => world.parties.every(({ ids }) => ids.size > 0))
  for (const truck of [0, 1]) {
    await happen(world, { kind: 'trip', truck, type: 'start' })
    await happen(world, { kind: 'trip', truck, type: 'complete' })
  }
}

test(
  'R7.3 every client ends up with all events that it should get, once, and with no other',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 8, maxLength: 30 }), async happenings => {
        const world = await newWorld()
        try {
          await beginning(world)
          for (const what of happenings) await happen(world, what)
          await takeOver()
          await passTime()
          for (const { link } of world.parties) {
            link.restore()
            link.cutAfter(Number.POSITIVE_INFINITY)
          }
          await until(() => world.parties.every(({ client }) => client.isConnected), 20_000)
          for (const { id, role, ids, client, link } of world.parties) {
            const expected = await idsFor({ role, id }, app)
            await until(() => expected.every(one => ids.has(one))).catch(() => {})
            expect([...ids].filter(one => !one.endsWith(':offer')).toSorted()).toEqual(expected)
            client.close()
            await link.close()
          }
        } finally {
          isFailing = false
          for (const { client, link } of world.parties) {
            client.close()
            await link.close().catch(() => {})
          }
        }
      }),
      { numRuns, examples: [[lateExample]] },
    )
  },
  isLong ? 900_000 : 300_000,
)
