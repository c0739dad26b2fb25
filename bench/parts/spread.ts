/* B1: fresh requests of two trucks with one accept each, and a fixed number in flight. No accept waits for another. */
import { percentile } from '../../demo/figures.js'
import { besideLimit, type LimitRate, openLimit } from '../limit/limit.js'
import { atLeast, atMost, type Measured } from '../report/figure.js'
import { acceptFresh, type FreshAccepts } from './fresh-accepts.js'
import type { Context, Outcome, Part } from './part.js'
import { onStage } from './stage.js'

const REQUESTS = 20_000
const GOALS = [
  { atOnce: 64, ratio: 1.0 },
  { atOnce: 256, ratio: 1.5 },
]
const P99_MS_AT_64 = 40
/** Warms up compiled code, plans and connections. */
const WARM_UP = 2_000

/** One part for each number in flight that has a goal, so that each can be run alone. */
export const spreadParts: readonly Part[] = GOALS.map(goal => ({
  id: `B1.${goal.atOnce}`,
  title: `spread: fresh requests of 2 trucks, one accept each, ${goal.atOnce} in flight`,
  steps: size => 1 + size.rounds + 1,
  run: context => run(context, goal),
}))

async function run(context: Context, { atOnce, ratio }: (typeof GOALS)[number]): Promise<Outcome> {
  const { world, size, step } = context
  const limit = await openLimit(world, size.limitScale)
  const rounds = await onStage(context, `B1.${atOnce}`, async ({ engine }) => {
    step(`B1.${atOnce} warming up`)
    await acceptFresh(engine, 'warm', size.of(WARM_UP), atOnce)
    return besideLimit(limit, size.rounds, round => {
      step(`B1.${atOnce} round ${round + 1}`)
      return acceptFresh(engine, `${round}`, size.of(REQUESTS), atOnce)
    })
  })
  await limit.close()
  return { measured: [...figuresOf(atOnce, ratio, rounds), ...limitFigures(rounds.map(({ rate }) => rate))] }
}

interface Round {
  readonly value: FreshAccepts
  readonly limit: number
}

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
      values: rounds.map(({ value }) => percentile(value.latenciesMs, 0.99) ?? Number.NaN),
      ...latency,
    },
  ]
}

/** The base of all ratios, for comparisons with another machine. */
function limitFigures(rates: readonly LimitRate[]): Measured[] {
  const unit = '/s'
  const ofPgbench = rates.flatMap(({ pgbench }) => pgbench ?? [])
  return [
    { key: 'limit.pool', what: 'one-row commits, a pool of 32', unit, values: rates.map(({ pool }) => pool) },
    ...(ofPgbench.length === 0
      ? []
      : [{ key: 'limit.pgbench', what: 'one-row commits, pgbench', unit, values: ofPgbench }]),
  ]
}
