/*
 * B7: accepts over HTTP with keep-alive connections, compared with a bare Express route. That route parses and checks the
 * token and the body as ours does, and answers as many bytes, but does no work. Each server is a process of its own.
 */
import { percentile } from '../../demo/figures.js'
import { createPoster, type Poster } from '../../test/support/network/post.js'
import { environmentForLoad } from '../../test/support/server/server.js'
import { startServerProcess } from '../../test/support/server/server-process.js'
import { tokenFor } from '../../test/support/server/tokens.js'
import { createRequest, openEngine } from '../engine.js'
import { inFlight, type Timed, timed } from '../measure.js'
import { atLeast, type Measured } from '../report/figure.js'
import { VEHICLE_TYPE } from '../subject.js'
import type { Database } from '../world.js'
import { assertNoViolations } from './audited.js'
import { startBareRoute } from './bare-route.js'
import type { Context, Outcome, Part } from './part.js'

const ACCEPTS = 5_000
const WARM_UP = 1_000
const AT_ONCE = 64
const CREATES_AT_ONCE = 128
const TRANSPORTERS = 100
const TRUCKS = 2
const GOAL = 0.5

export const http: Part = {
  id: 'B7',
  title: 'HTTP: accepts over connections that are kept alive',
  steps: size => 1 + 2 * size.rounds + 1,
  run,
}

async function run({ world, size, step }: Context): Promise<Outcome> {
  const database = await world.createDatabase()
  const count = size.of(ACCEPTS)
  const warmUp = size.of(WARM_UP)
  step('B7 a fleet, and servers')
  await fillFleet(database, count * size.rounds + warmUp)
  const server = await startServerProcess(environmentForLoad(database.connectionString))
  const creating = await openEngine(database.connectionString, { isStarted: false })
  const tokens = await Promise.all(
    Array.from({ length: TRANSPORTERS }, (_, i) => tokenFor('transporter', transporterId(i))),
  )
  const poster = createPoster(server.url, AT_ONCE)
  let answerBytes = 0

  /** Accepts with trucks from number `first` on. Each is by another transporter than the one before. */
  async function acceptMany({ post }: Poster, pathOf: (i: number) => string, first: number, accepts: number) {
    return timed(accepts, AT_ONCE, async i => {
      const truck = first + i
      const body = { type: 'accept', driverId: `driver-${truck}`, vehicleId: `vehicle-${truck}` }
      const answer = await post(pathOf(i), tokens[truck % TRANSPORTERS] ?? '', body)
      if (answer.status !== 200) throw new Error(`an accept was answered ${answer.status}: ${answer.text}`)
      answerBytes = answer.text.length
    })
  }
  async function acceptFresh(name: string, first: number, accepts: number): Promise<Timed> {
    const ids: string[] = []
    await inFlight(accepts, CREATES_AT_ONCE, async i => {
      ids[i] = await createRequest(creating.engine, `${name}-${i}`, TRUCKS)
    })
    return acceptMany(poster, i => `/api/v1/broadcasts/${ids[i]}/events`, first, accepts)
  }

  await acceptFresh('warm', 0, warmUp)
  const bare = await startBareRoute(answerBytes)
  const barePoster = createPoster(bare.url, AT_ONCE)
  const bareAccepts = (first: number, accepts: number) =>
    acceptMany(barePoster, i => `/api/v1/broadcasts/${i}/events`, first, accepts)
  await bareAccepts(0, warmUp)
  const rounds: Round[] = []
  for (let round = 0; round < size.rounds; round++) {
    const first = warmUp + round * count
    step(`B7 the server, round ${round + 1}`)
    const ours = await acceptFresh(`${round}`, first, count)
    step(`B7 the bare route, round ${round + 1}`)
    rounds.push({ ours, bare: await bareAccepts(first, count) })
  }
  await poster.close()
  await barePoster.close()
  await bare.end()
  await server.end('SIGTERM')
  await creating.close()
  step('B7 auditing')
  await assertNoViolations(database)
  await database.drop()
  return { measured: figuresOf(rounds) }
}

interface Round {
  readonly ours: Timed
  readonly bare: Timed
}

function figuresOf(rounds: readonly Round[]): Measured[] {
  return [
    {
      key: 'B7',
      what: `accepts over HTTP, ${AT_ONCE} in flight`,
      unit: '/s',
      values: rounds.map(({ ours }) => ours.perSecond),
      beside: { what: 'a bare route', values: rounds.map(round => round.bare.perSecond) },
      goal: atLeast(GOAL),
    },
    {
      key: 'B7.p99',
      what: `p99 over HTTP, ${AT_ONCE} in flight`,
      unit: 'ms',
      values: rounds.map(({ ours }) => p99(ours)),
      beside: { what: 'a bare route', values: rounds.map(round => p99(round.bare)) },
    },
  ]
}

const p99 = ({ latenciesMs }: Timed) => percentile(latenciesMs, 0.99) ?? Number.NaN
const transporterId = (i: number) => `transporter-${i}`

/** Truck `i`, a driver with a vehicle, belongs to transporter `i % TRANSPORTERS`. */
async function fillFleet({ pool }: Database, trucks: number): Promise<void> {
  await pool.query(
    "insert into users (id) select 'transporter-' || n from generate_series(0, $1::int - 1) n",
    [TRANSPORTERS],
  )
  await pool.query(
    `insert into vehicles (id, transporter_id, vehicle_type, number)
     select 'vehicle-' || n, 'transporter-' || n % $2::int, $3, 'DL 1L AB 4242' from generate_series(0, $1::int - 1) n`,
    [trucks, TRANSPORTERS, VEHICLE_TYPE],
  )
  await pool.query(
    `insert into drivers (id, transporter_id, name, phone, confirmed_at)
     select 'driver-' || n, 'transporter-' || n % $2::int, 'Asha Kumari', '+91 98100 00000', now()
     from generate_series(0, $1::int - 1) n`,
    [trucks, TRANSPORTERS],
  )
  await pool.query('analyze')
}
