/*
 * Whatever happens to a request: what each reader is shown of it, at every moment and by every way, is what the table of
 * docs/authorization.md allows. The table is written down here once more, over the rows of the database; answers and
 * events are searched as text. Acts go to one process, and both are read, since each remembers snapshots of its own.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'
import { type Client, createClient, type Listener, listen } from '../../support/server/clients.js'
import { acceptBody, registerTruck, type Truck } from '../../support/server/fleet.js'
import { found, SECRETIVE, type Secret } from '../../support/server/secrets.js'
import { startTestApp, type TestApp } from '../../support/server/server.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const numRuns = isLong ? 40 : 4

let database: TestDatabase
let home: TestApp
let other: TestApp
let admin: Client
/** Deliveries from memory fail, as if the process had died after the commit. */
let isFailing = false

beforeAll(async () => {
  database = await createTestDatabase()
  const faults = (point: string) => {
    if (isFailing && point === 'delivery.before') throw new Error('as if this process had died here')
  }
  ;[home, other] = await Promise.all([startTestApp({ database, faults }), startTestApp({ database })])
  admin = await createClient(home.url, 'admin', 'a1')
})
afterAll(async () => {
  await Promise.all([home.close(), other.close()])
  await database.drop()
})

// ── what may happen ──────────────────────────────────────────────────────────────────────────────────────

/** Two that are offered the request, and one that is not. */
const TRUCKS = 3
const truck = fc.nat({ max: TRUCKS - 1 })
const act = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('accept' as const), truck }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('decline' as const), truck }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'start' as const,
        'complete' as const,
        'release' as const,
        'release' as const,
        'abandon' as const,
      ),
      truck,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const) }) },
)
/** `isUntold`: its process dies after the commit, and it is told an hour after the act that follows. */
const happening = fc.record({
  act,
  isUntold: fc.boolean(),
  isKeyed: fc.boolean(),
})
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never

// ── those who look ───────────────────────────────────────────────────────────────────────────────────────

interface Viewer {
  readonly role: 'customer' | 'transporter' | 'driver' | 'admin'
  readonly caller: Client
  readonly listener: Listener
  /** A point before everything. */
  readonly since: string
  heard: number
}

interface World {
  readonly customer: Client
  readonly trucks: readonly Truck[]
  readonly viewers: readonly Viewer[]
  readonly id: string
  /** The newest trip of each truck. */
  readonly tripOf: Map<number, string>
  /** Posts that succeeded under a key. */
  readonly kept: {
    readonly caller: Client
    readonly path: string
    readonly body: unknown
    readonly key: string
  }[]
}

let worlds = 0

async function newWorld(): Promise<World> {
  const name = `w${++worlds}`
  const vehicleType = `type_${name}`
  const trucks = await Promise.all([
    registerTruck(home.url, `${name}a`, { vehicleType, isReady: true }),
    registerTruck(home.url, `${name}b`, { vehicleType, isReady: true }),
    registerTruck(home.url, `${name}c`, { vehicleType }),
  ])
  const customer = await createClient(home.url, 'customer', `c-${name}`)
  const look = async (role: Viewer['role'], caller: Client): Promise<Viewer> => {
    const since = (await caller.get('/api/v1/sync')).body.next
    return { role, caller, since, heard: 0, listener: await listen(home.url, caller.token) }
  }
  const viewers = await Promise.all([
    look('customer', customer),
    look('customer', await createClient(home.url, 'customer', `x-${name}`)),
    look('admin', admin),
    look('transporter', await createClient(home.url, 'transporter', `y-${name}`)),
    ...trucks.flatMap(({ transporter, driver }) => [
      look('transporter', transporter),
      look('driver', driver),
    ]),
  ])
  const { body } = await customer.post('/api/v1/broadcasts', {
    ...SECRETIVE,
    trucks: [{ vehicleType, count: 2 }],
  })
  const world: World = { customer, trucks, viewers, id: body.id, tripOf: new Map(), kept: [] }
  await until(async () => {
    const sql = 'select from recipients where broadcast_id = $1 and offered_at is not null'
    return (await home.query(sql, [world.id])).length === 2
  })
  await settle()
  return world
}

const settle = () =>
  until(async () => (await home.query('select from outbox where attempts = 0')).length === 0)

// ── the table, once more ─────────────────────────────────────────────────────────────────────────────────

const NOTHING: readonly Secret[] = []
const EXACT: readonly Secret[] = ['address', 'place']
const ALL: readonly Secret[] = ['address', 'notes', 'place']
const STANDING = new Set(['assigned', 'started', 'completed'])

interface State {
  readonly isSeeking: boolean
  readonly trips: readonly {
    readonly id: string
    readonly status: string
    readonly transporter_id: string
    readonly driver_id: string
  }[]
  readonly offered: ReadonlySet<string>
}

async function stateOf({ id }: World): Promise<State> {
  const [request] = await home.query<{ status: string }>('select status from instances where id = $1', [id])
  const offered = await home.query<{ transporter_id: string }>(
    'select transporter_id from recipients where broadcast_id = $1 and offered_at is not null',
    [id],
  )
  return {
    isSeeking: request?.status === 'searching' || request?.status === 'partially_filled',
    trips: await home.query('select id, status, transporter_id, driver_id from trips where instance = $1', [
      id,
    ]),
    offered: new Set(offered.map(row => row.transporter_id)),
  }
}

/** `undefined`: it may not read it at all. */
function allowed({ role, caller }: Viewer, world: World, state: State): readonly Secret[] | undefined {
  if (role === 'admin') return ALL
  if (role === 'customer') return caller.id === world.customer.id ? ALL : undefined
  const own = state.trips.filter(trip => [trip.transporter_id, trip.driver_id].includes(caller.id))
  if (own.some(({ status }) => STANDING.has(status))) return ALL
  if (own.length === 0 && !state.offered.has(caller.id)) return undefined
  return role === 'transporter' && state.isSeeking ? EXACT : NOTHING
}

const within = (shown: unknown, may: readonly Secret[]) =>
  found(shown).filter(secret => !may.includes(secret))

// ── looking ──────────────────────────────────────────────────────────────────────────────────────────────

/** The listener's new events, against what was allowed before and after the act. */
async function checkSocket(viewer: Viewer, world: World, before: State, after: State): Promise<void> {
  const { listener, role } = viewer
  await listener.send('watch', { broadcastId: world.id })
  const may = [...(allowed(viewer, world, before) ?? []), ...(allowed(viewer, world, after) ?? [])]
  for (const event of listener.events.slice(viewer.heard)) {
    expect([event.type, within(event, may)]).toEqual([event.type, []])
    const trip = event.data.trip as { id: string; status: string } | undefined
    if (trip === undefined || role === 'customer') continue
    const isLapsed = ({ trips }: State) =>
      trips.some(({ id, status }) => id === trip.id && !STANDING.has(status))
    if (!STANDING.has(trip.status) || (isLapsed(before) && isLapsed(after))) {
      expect([event.type, found(event)]).toEqual([event.type, []])
    }
  }
  viewer.heard = listener.events.length
}

async function checkAnswers(viewer: Viewer, world: World, state: State): Promise<void> {
  const { caller, role, since } = viewer
  const may = allowed(viewer, world, state)
  for (const app of [home, other]) {
    const { get } = await createClient(app.url, role, caller.id)
    const read = await get(`/api/v1/broadcasts/${world.id}`)
    expect([role, read.status, found(read.body)]).toEqual([role, may === undefined ? 404 : 200, may ?? []])
    const ways = ['/api/v1/broadcasts?limit=100', `/api/v1/sync?after=${since}`, '/api/v1/sync?after=at:1']
    if (role === 'driver') ways.push('/api/v1/driver/trips')
    if (role === 'transporter') ways.push('/api/v1/transporter/answers')
    for (const { id } of state.trips) ways.push(`/api/v1/trips/${id}`)
    for (const way of ways) {
      const { body } = await get(way)
      expect([role, way, within(body, may ?? [])]).toEqual([role, way, []])
    }
    for (const { id, status } of state.trips) {
      if (role === 'customer' || role === 'admin' || STANDING.has(status)) continue
      expect(found((await get(`/api/v1/trips/${id}`)).body)).toEqual([])
    }
  }
}

async function checkKept(world: World, state: State): Promise<void> {
  for (const { caller, path, body, key } of world.kept) {
    const viewer = world.viewers.find(({ caller: { id } }) => id === caller.id)
    if (viewer === undefined) throw new Error(`Nobody looks as ${caller.id}`)
    const again = await caller.post(path, body, { 'idempotency-key': key })
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect([path, body, within(again.body, allowed(viewer, world, state) ?? [])]).toEqual([path, body, []])
  }
}

// ── acting ───────────────────────────────────────────────────────────────────────────────────────────────

async function perform(world: World, { act, isKeyed }: Happening): Promise<void> {
  const { customer, trucks, tripOf, kept, id } = world
  const post = async (caller: Client, path: string, body: unknown) => {
    const key = `k${kept.length}`
    const answer = await caller.post(path, body, isKeyed ? { 'idempotency-key': key } : {})
    expect(answer.status).toBeLessThan(500)
    if (isKeyed && answer.status === 200) kept.push({ caller, path, body, key })
    return answer
  }
  if (act.kind === 'cancel') {
    await post(customer, `/api/v1/broadcasts/${id}/events`, { type: 'cancel' })
    return
  }
  if (act.kind === 'expire') {
    await home.query(
      "update timers set due_at = now() - interval '1 second' where instance = $1 and send_id like '%broadcastTimeout%'",
      [id],
    )
    await until(async () => !(await stateOf(world)).isSeeking, 20_000)
    return
  }
  const chosen = trucks[act.truck]
  if (chosen === undefined) return
  if (act.kind === 'accept') {
    const { status, body } = await post(
      chosen.transporter,
      `/api/v1/broadcast/${id}/accept`,
      acceptBody(chosen),
    )
    if (status === 200) tripOf.set(act.truck, body.assignment.tripId)
    return
  }
  if (act.kind === 'decline') {
    await post(chosen.transporter, `/api/v1/broadcast/${id}/decline`, {})
    return
  }
  const tripId = tripOf.get(act.truck)
  if (tripId === undefined) return
  const sender = act.kind === 'abandon' ? admin : chosen.transporter
  await post(sender, `/api/v1/trips/${tripId}/events`, { type: act.kind })
}

async function happen(world: World, happening: Happening): Promise<void> {
  const before = await stateOf(world)
  isFailing = happening.isUntold && happening.act.kind !== 'expire'
  // Some look in the very moment in which it happens.
  const looks = Promise.all(
    world.viewers.map(async viewer => ({
      viewer,
      answer: await viewer.caller.get(`/api/v1/broadcasts/${world.id}`),
    })),
  )
  await perform(world, happening)
  await settle()
  const after = await stateOf(world)
  for (const { viewer, answer } of await looks) {
    const may = [...(allowed(viewer, world, before) ?? []), ...(allowed(viewer, world, after) ?? [])]
    expect([viewer.role, within(answer.body, may)]).toEqual([viewer.role, []])
  }
  for (const viewer of world.viewers) await checkSocket(viewer, world, before, after)
  await Promise.all(world.viewers.map(viewer => checkAnswers(viewer, world, after)))
  await checkKept(world, after)
  expect(await stateOf(world)).toEqual(after)
}

/** Delivers the pending events, an hour late. */
async function tellLate(world: World): Promise<void> {
  if (isFailing) return
  const untold = await home.query('select from outbox')
  if (untold.length === 0) return
  const state = await stateOf(world)
  await home.query("update events set at = at - interval '1 hour' where instance = $1", [world.id])
  await until(async () => {
    await home.query('update outbox set due_at = now()')
    return (await home.query('select from outbox')).length === 0
  })
  for (const viewer of world.viewers) await checkSocket(viewer, world, state, state)
}

const plain = { isUntold: false, isKeyed: true }
/** Carried, released, lost to another, and announced late. */
const examples: [Happening[]][] = [
  [
    [
      { act: { kind: 'decline', truck: 1 }, ...plain },
      { act: { kind: 'accept', truck: 2 }, isKeyed: true, isUntold: true },
      { act: { kind: 'release', truck: 2 }, isKeyed: true, isUntold: true },
      { act: { kind: 'accept', truck: 0 }, ...plain },
      { act: { kind: 'start', truck: 0 }, ...plain },
      { act: { kind: 'cancel' }, ...plain },
      { act: { kind: 'complete', truck: 0 }, ...plain },
    ],
  ],
]

test(
  'R11.5 nobody sees more of a request than its part in it requires, nor longer, on any path at any moment',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 3, maxLength: 9 }), async happenings => {
        const world = await newWorld()
        try {
          for (const what of happenings) {
            await happen(world, what)
            if (!what.isUntold) await tellLate(world)
          }
          isFailing = false
          await tellLate(world)
          await happen(world, { act: { kind: 'cancel' }, ...plain })
        } finally {
          isFailing = false
          for (const { listener } of world.viewers) listener.close()
          await world.customer.put(`/api/v1/booking/${world.id}/cancel`, {})
        }
      }),
      { numRuns, examples },
    )
  },
  isLong ? 900_000 : 300_000,
)
