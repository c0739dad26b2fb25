/* B1: fresh requests of two trucks, one accept each, so many in flight. Nobody waits for anybody. */
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
/** Machine code, plans and connections. */
const WARM_UP = 2_000

export const spread: Part = {
  id: 'B1',
  title: 'spread: fresh requests of 2 trucks, one accept each',
  steps: size => 1 + GOALS.length * size.rounds + 1,
  run,
}

async function run(context: Context): Promise<Outcome> {
  const { world, size, step } = context
  const limit = await openLimit(world, size.limitScale)
  const measured = await onStage(context, 'B1', async ({ engine }) => {
    step('B1 warming up')
    await acceptFresh(engine, 'warm', size.of(WARM_UP), 64)
    const figures: Measured[] = []
    const rates: LimitRate[] = []
    for (const { atOnce, ratio } of GOALS) {
      const rounds = await besideLimit(limit, size.rounds, round => {
        step(`B1 with ${atOnce} in flight, round ${round + 1}`)
        return acceptFresh(engine, `${atOnce}-${round}`, size.of(REQUESTS), atOnce)
      })
      figures.push(...figuresOf(atOnce, ratio, rounds))
      rates.push(...rounds.map(({ rate }) => rate))
    }
    return [...figures, ...limitFigures(rates)]
  })
  await limit.close()
  return { measured }
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

/** What all ratios are of: for those who want to compare with another machine. */
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
