/* B1: fresh requests of two trucks, one accept each, so many in flight. Nobody waits for anybody. */
import { percentile } from '../../demo/figures.js'
import type { Engine } from '../../src/runtime/index.js'
import { createRequest, openEngine, sendAccept } from '../engine.js'
import { besideLimit, openLimit } from '../limit/limit.js'
import { inFlight, median, type Timed, timed } from '../measure.js'
import { atLeast, atMost, type Measured } from '../report/figure.js'
import type { Point } from '../report/results.js'
import { assertNoViolations } from './audited.js'
import type { Context, Outcome, Part } from './part.js'

const REQUESTS = 20_000
/** Beside the two that have goals, for the plot: once, and with few in flight fewer requests. */
const CURVE = [
  { atOnce: 1, requests: 2_000 },
  { atOnce: 8, requests: 10_000 },
  { atOnce: 1_024, requests: 20_000 },
]
const GOALS = [
  { atOnce: 64, ratio: 1.0 },
  { atOnce: 256, ratio: 1.5 },
]
const P99_MS_AT_64 = 40
/** Machine code, plans and connections. */
const WARM_UP = 2_000
export const CREATES_AT_ONCE = 256

export const spread: Part = {
  id: 'B1',
  title: 'spread: fresh requests of 2 trucks, one accept each',
  steps: size => 1 + GOALS.length * size.rounds + CURVE.length + 1,
  run,
}

async function run(context: Context): Promise<Outcome> {
  const { world, size, step } = context
  const database = await world.createDatabase()
  const limit = await openLimit(world, size.of(1_000) / 1_000)
  const { engine, close } = await openEngine(database.connectionString)
  step('B1 warming up')
  await acceptFresh(engine, 'warm', size.of(WARM_UP), 64)

  const measured: Measured[] = []
  const curve: Point[] = []
  for (const { atOnce, ratio } of GOALS) {
    const rounds = await besideLimit(limit, size.rounds, round => {
      step(`B1 with ${atOnce} in flight, round ${round + 1}`)
      return acceptFresh(engine, `${atOnce}-${round}`, size.of(REQUESTS), atOnce)
    })
    measured.push(...figuresOf(atOnce, ratio, rounds))
    curve.push(pointOf(atOnce, rounds))
  }
  for (const { atOnce, requests } of CURVE) {
    const rounds = await besideLimit(limit, 1, () => {
      step(`B1 with ${atOnce} in flight`)
      return acceptFresh(engine, `${atOnce}`, size.of(requests), atOnce)
    })
    curve.push(pointOf(atOnce, rounds))
  }
  await close()
  step('B1 auditing')
  await assertNoViolations(database)
  await limit.close()
  await database.drop()
  return { measured, curve: curve.toSorted((a, b) => a.inFlight - b.inFlight) }
}

/** Creates the requests, which is not timed, and sends each one accept, which is. */
export async function acceptFresh(
  engine: Engine,
  prefix: string,
  count: number,
  atOnce: number,
): Promise<Timed> {
  const ids: string[] = []
  await inFlight(count, CREATES_AT_ONCE, async i => {
    ids[i] = await createRequest(engine, `${prefix}-${i}`, 2)
  })
  let won = 0
  const result = await timed(count, atOnce, async i => {
    if ((await sendAccept(engine, ids[i] ?? '', `${prefix}-${i}`)) === 'won') won += 1
  })
  if (won !== count) throw new Error(`B1: ${won} accepts of ${count} won; nobody competes, so all must`)
  return result
}

type Round = {
  readonly value: Timed
  readonly limit: number
  readonly rate: { readonly pool: number; readonly pgbench?: number }
}

const p99 = ({ latenciesMs }: Timed) => percentile(latenciesMs, 0.99) ?? Number.NaN

function figuresOf(atOnce: number, ratio: number, rounds: readonly Round[]): Measured[] {
  const latency = atOnce === 64 ? { goal: atMost(P99_MS_AT_64) } : {}
  return [
    {
      key: `B1.${atOnce}`,
      what: `accepts, ${atOnce} in flight`,
      unit: '/s',
      values: rounds.map(({ value }) => value.perSecond),
      beside: { what: 'the limit', values: rounds.map(round => round.limit) },
      goal: atLeast(ratio),
    },
    {
      key: `B1.${atOnce}.p99`,
      what: `p99 of an accept, ${atOnce} in flight`,
      unit: 'ms',
      values: rounds.map(({ value }) => p99(value)),
      ...latency,
    },
  ]
}

function pointOf(inFlight: number, rounds: readonly Round[]): Point {
  const of = (read: (round: Round) => number) => Number(median(rounds.map(read)).toPrecision(4))
  return {
    inFlight,
    perSecond: of(({ value }) => value.perSecond),
    p50Ms: of(({ value }) => percentile(value.latenciesMs, 0.5) ?? Number.NaN),
    p99Ms: of(({ value }) => p99(value)),
    limitPerSecond: of(round => round.limit),
  }
}
