import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { until } from '../support/engine/engine.js'
import { type Chance, createChance } from '../support/engine/seeded.js'
import { type Answer, type Client, createClient } from '../support/server/clients.js'
import { acceptBody, asking, DROP, PICKUP, registerTruck, type Truck } from '../support/server/fleet.js'
import { startTwoServers, type TwoServers } from '../support/server/two-servers.js'

/*
 * What everybody wants at the same instant, on two processes that share one database. Offsets are drawn from a
 * seed: LOADCAST_SEED=<number> repeats them, LOADCAST_LONG_TESTS=1 plays ten times as many rounds.
 */

const SEED = Number(process.env.LOADCAST_SEED ?? Date.now() % 1_000_000)
const TIMES = process.env.LOADCAST_LONG_TESTS === undefined ? 1 : 10
const CANCEL_ROUNDS = 200 * TIMES
/** Rounds that go on beside one another: each takes its time, and the processes have more to do. */
const LANES = 4
const CREATE_ROUNDS = 5 * TIMES
const DRIVER_ROUNDS = 50 * TIMES
const CROWD_ROUNDS = 1 * TIMES
const CROWD = 500
const CROWD_BEFORE_CANCEL = 20

let servers: TwoServers

beforeAll(async () => {
  servers = await startTwoServers()
})
afterAll(async () => {
  await servers.delivered()
  const faults = await servers.faults()
  await servers.close()
  expect(faults).toEqual([])
})

const title = (what: string) => `${what} [seed ${SEED}]`

/** One user's two ways in. */
async function onBoth(role: 'customer' | 'transporter', id: string): Promise<readonly [Client, Client]> {
  return Promise.all([createClient(servers.urls[0], role, id), createClient(servers.urls[1], role, id)])
}

/** Waits less than a millisecond, which no timer of Node can. */
function spin(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

/** Sends all of them, in an order and with pauses that chance decides; answers in the order given. */
function atOnce(chance: Chance, sends: readonly (() => Promise<Answer>)[]): Promise<Answer[]> {
  const answers: Promise<Answer>[] = []
  const order = sends.map((_, i) => ({ i, at: chance.next() })).sort((a, b) => a.at - b.at)
  for (const { i } of order) {
    const send = sends[i]
    if (send !== undefined) answers[i] = send()
    spin(chance.next())
  }
  return Promise.all(answers)
}

const codesOf = (answers: readonly Answer[]) => answers.map(({ status, body }) => body.code ?? status).sort()

interface Race {
  readonly chance: Chance
  readonly racers: readonly { truck: Truck; ways: readonly [Client, Client] }[]
  readonly customer: readonly [Client, Client]
}

/** One round: a request for one to three trucks, two accepts and a cancel. Answers how many accepts came first. */
async function cancelAgainstAccepts({ chance, racers, customer }: Race): Promise<number> {
  const created = await chance.pick(customer).post('/api/v1/broadcasts', asking(1 + chance.below(3)))
  expect(created.status).toBe(201)
  const { id } = created.body
  const accept = (racer: Race['racers'][number]) => () =>
    chance.pick(racer.ways).post(`/api/v1/broadcast/${id}/accept`, acceptBody(racer.truck))
  const cancel = () => chance.pick(customer).put(`/api/v1/booking/${id}/cancel`)

  const [cancelled, ...accepts] = await atOnce(chance, [cancel, ...racers.map(accept)])
  if (cancelled === undefined) throw new Error('no answer')

  expect(cancelled).toMatchObject({ status: 200, body: { outcome: 'applied', tripsKept: [] } })
  const won = accepts.filter(answer => answer.status === 200)
  // A winner has a version below that of the cancel, and its trip is reverted.
  for (const { body } of won) expect(body.version).toBeLessThan(cancelled.body.version)
  expect([...cancelled.body.tripsCancelled].sort()).toEqual(won.map(w => w.body.assignment.tripId).sort())
  // The others are refused because the request was cancelled, or full before.
  for (const { status, body } of accepts.filter(answer => answer.status !== 200)) {
    expect(status).toBe(409)
    const wasFull = won.some(answer => answer.body.assignment.isFullyFilled)
    expect(wasFull ? ['BROADCAST_CANCELLED', 'NO_LONGER_AVAILABLE'] : ['BROADCAST_CANCELLED']).toContain(
      body.code,
    )
  }
  // From the acknowledgement on nobody succeeds, anywhere.
  const late = await accept(chance.pick(racers))()
  expect(late.status).toBe(409)
  return won.length
}

describe('cancel against accept', () => {
  test(
    title(`R4.2 P1.4 ${CANCEL_ROUNDS} rounds: after an acknowledged cancel no accept is won`),
    async () => {
      const wins = [0, 0, 0]
      const lane = async (lane: number) => {
        const chance = createChance(SEED + lane)
        const racers = await Promise.all(
          ['a', 'b'].map(async name => {
            const truck = await registerTruck(servers.home.url, `cancel-${lane}-${name}`)
            return { truck, ways: await onBoth('transporter', truck.transporter.id) }
          }),
        )
        const customer = await onBoth('customer', `cancel-race-${lane}`)
        for (let round = 0; round < CANCEL_ROUNDS / LANES; round++) {
          const won = await cancelAgainstAccepts({ chance, racers, customer })
          wins[won] = (wins[won] ?? 0) + 1
        }
      }
      await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i)))
      // Both orders were seen, or this was no race.
      expect(wins[0]).toBeGreaterThan(0)
      expect((wins[1] ?? 0) + (wins[2] ?? 0)).toBeGreaterThan(0)
      const busy = await servers.query('select key from claims')
      expect(busy).toEqual([])
    },
  )

  test(
    title(
      `R4.2 R4.3 ${CROWD} accepts in flight: after the answer to the cancel no trip is live and all drivers are free`,
    ),
    async () => {
      const trucks = await crowdOfTrucks()
      for (let round = 0; round < CROWD_ROUNDS; round++) {
        const customer = await createClient(servers.home.url, 'customer', `crowd-${round}`)
        const { body: request } = await customer.post('/api/v1/broadcasts', asking(CROWD, 'crowd'))
        let answered = 0
        const accepts = trucks.map(async ({ transporter, driverId, vehicleId }) => {
          const path = `/api/v1/broadcast/${request.id}/accept`
          const answer = await transporter.post(path, { driverId, vehicleId })
          answered++
          return answer
        })
        await until(() => answered >= CROWD_BEFORE_CANCEL)
        const cancelled = await customer.put(`/api/v1/booking/${request.id}/cancel`)
        // At once: whatever the others are still waiting for.
        const [claims, standing] = await Promise.all([
          servers.query('select key from claims where instance = $1', [request.id]),
          servers.query("select id from trips where instance = $1 and status = 'assigned'", [request.id]),
        ])
        expect(cancelled).toMatchObject({
          status: 200,
          body: { broadcast: { trucksFilled: 0 }, tripsKept: [] },
        })
        expect({ claims, standing }).toEqual({ claims: [], standing: [] })
        const answers = await Promise.all(accepts)
        const won = answers.filter(answer => answer.status === 200)
        expect(won.length).toBeGreaterThanOrEqual(CROWD_BEFORE_CANCEL)
        expect(won.filter(({ body }) => body.version >= cancelled.body.version)).toEqual([])
        const reverted = new Set(cancelled.body.tripsCancelled)
        expect(won.filter(({ body }) => !reverted.has(body.assignment.tripId))).toEqual([])
        // Of an accept that was not answered in time nobody knows more than that it does not stand.
        const lost = answers.filter(({ status }) => status !== 200 && status !== 503)
        expect(lost.map(({ body }) => body.code)).toEqual(lost.map(() => 'BROADCAST_CANCELLED'))
        if (won.length + lost.length === CROWD) expect(reverted.size).toBe(won.length)
      }
    },
  )
})

interface CrowdedTruck {
  readonly transporter: Client
  readonly driverId: string
  readonly vehicleId: string
}

/** Fifty transporters with ten drivers and vehicles each, registered in one go. */
async function crowdOfTrucks(): Promise<readonly CrowdedTruck[]> {
  const perTransporter = 10
  const transporters = await Promise.all(
    Array.from({ length: CROWD / perTransporter }, (_, i) =>
      createClient(servers.urls[i % 2 === 0 ? 0 : 1], 'transporter', `t-crowd-${i}`),
    ),
  )
  const ids = Array.from({ length: CROWD }, (_, i) => i)
  const owners = ids.map(i => `t-crowd-${Math.floor(i / perTransporter)}`)
  await servers.query('insert into users (id) select distinct unnest($1::text[])', [owners])
  await servers.query(
    `insert into drivers (id, transporter_id, name, confirmed_at)
     select 'd-crowd-' || i, owner, 'Asha', now() from unnest($1::integer[], $2::text[]) as t (i, owner)`,
    [ids, owners],
  )
  await servers.query(
    `insert into vehicles (id, transporter_id, vehicle_type, number)
     select 'v-crowd-' || i, owner, 'crowd', 'DL ' || i from unnest($1::integer[], $2::text[]) as t (i, owner)`,
    [ids, owners],
  )
  return ids.map(i => {
    const transporter = transporters[Math.floor(i / perTransporter)]
    if (transporter === undefined) throw new Error('a truck without a transporter')
    return { transporter, driverId: `d-crowd-${i}`, vehicleId: `v-crowd-${i}` }
  })
}

/** Four ways to ask, of which the first two are the same request. */
const forms = [
  ['/api/v1/broadcasts', asking(2)],
  ['/api/v1/booking', { pickup: PICKUP, drop: DROP, vehicleType: '14ft', trucksNeeded: 2 }],
  ['/api/v1/booking', { pickup: PICKUP, drop: DROP, vehicleType: '20ft', trucksNeeded: 1 }],
  [
    '/api/v1/orders',
    {
      pickup: PICKUP,
      drop: DROP,
      truckRequests: [
        { vehicleType: '14ft', quantity: 1 },
        { vehicleType: '20ft', quantity: 1 },
      ],
    },
  ],
] as const
const sameAs = (form: number) => (form < 2 ? 0 : form)

describe('create against create', () => {
  test(title(`R3.1 P1.2 fifty at once, all paths mixed, ${CREATE_ROUNDS} rounds: one request`), async () => {
    const chance = createChance(SEED + 100)
    for (let round = 0; round < CREATE_ROUNDS; round++) {
      const customer = await onBoth('customer', `creating-${round}`)
      const drawn = Array.from({ length: 50 }, () => chance.below(forms.length))
      const answers = await Promise.all(
        drawn.map(form => {
          const [path, body] = forms[form] ?? forms[0]
          return chance.pick(customer).post(path, body)
        }),
      )
      const winners = answers.flatMap((answer, i) => (answer.status === 201 ? [i] : []))
      expect(winners).toHaveLength(1)
      const [winner = 0] = winners
      const { id } = answers[winner]?.body ?? {}
      for (const [i, { status, body }] of answers.entries()) {
        if (i === winner) continue
        const isSame = sameAs(drawn[i] ?? 0) === sameAs(drawn[winner] ?? 0)
        expect(isSame ? { status, id: body.id } : { status, code: body.code, id: body.broadcastId }).toEqual(
          isSame ? { status: 200, id } : { status: 409, code: 'ACTIVE_BROADCAST_EXISTS', id },
        )
      }
      const stored = await servers.query('select id from instances where owner = $1', [customer[0].id])
      expect(stored).toEqual([{ id }])
    }
  })
})

describe('one driver for two requests', () => {
  test(title(`R2.2 ${DRIVER_ROUNDS} rounds: one accept wins, the other's truck stays open`), async () => {
    const chance = createChance(SEED + 200)
    const truck = await registerTruck(servers.home.url, 'wanted', { vehicleType: 'wanted' })
    const ways = await onBoth('transporter', truck.transporter.id)
    const customers = await Promise.all(['x', 'y'].map(name => onBoth('customer', `wants-${name}`)))
    for (let round = 0; round < DRIVER_ROUNDS; round++) {
      const requests = await Promise.all(
        customers.map(async customer => {
          const client = chance.pick(customer)
          const { body } = await client.post('/api/v1/broadcasts', asking(1, 'wanted'))
          return { client, id: body.id as string }
        }),
      )
      const turned = chance.below(2)
      const answers = await atOnce(
        chance,
        requests.map(
          ({ id }, i) =>
            () =>
              (ways[(i + turned) % 2] ?? ways[0]).post(`/api/v1/broadcast/${id}/accept`, acceptBody(truck)),
        ),
      )
      expect(codesOf(answers)).toEqual([200, 'DRIVER_BUSY'])
      const seen = await Promise.all(requests.map(({ client, id }) => client.get(`/api/v1/broadcasts/${id}`)))
      expect(seen.map(({ body }) => [body.status, body.trucks[0].status])).toEqual(
        answers.map(({ status }) => (status === 200 ? ['fully_filled', 'taken'] : ['searching', 'open'])),
      )
      await Promise.all(requests.map(({ client, id }) => client.put(`/api/v1/booking/${id}/cancel`)))
    }
  })
})
