/* The points of the plot: B1 with few and with many operations in flight, each once. */
import { percentile } from '../../demo/figures.js'
import { besideLimit, openLimit } from '../limit/limit.js'
import { rounded } from '../report/figure.js'
import type { Point } from '../report/results.js'
import { acceptFresh } from './fresh-accepts.js'
import type { Context, Outcome, Part } from './part.js'
import { onStage } from './stage.js'

/** With few in flight, fewer requests take as long. */
const POINTS = [
  { atOnce: 1, requests: 1_000 },
  { atOnce: 8, requests: 5_000 },
  { atOnce: 32, requests: 10_000 },
  { atOnce: 64, requests: 10_000 },
  { atOnce: 256, requests: 10_000 },
  { atOnce: 1_024, requests: 10_000 },
]
const WARM_UP = 2_000

export const plot: Part = {
  id: 'PLOT',
  title: 'throughput and latency of B1 against operations in flight',
  steps: () => POINTS.length + 1,
  run,
}

async function run(context: Context): Promise<Outcome> {
  const { world, size, step } = context
  const limit = await openLimit(world, size.limitScale)
  const curve = await onStage(context, 'PLOT', async ({ engine }) => {
    await acceptFresh(engine, 'warm', size.of(WARM_UP), 64)
    const points: Point[] = []
    for (const { atOnce, requests } of POINTS) {
      step(`PLOT with ${atOnce} in flight`)
      const [round] = await besideLimit(limit, 1, () =>
        acceptFresh(engine, `${atOnce}`, size.of(requests), atOnce),
      )
      if (round === undefined) throw new Error('expected one round')
      const { perSecond, latenciesMs } = round.value
      const at = (share: number) => percentile(latenciesMs, share) ?? Number.NaN
      points.push({
        inFlight: atOnce,
        perSecond: rounded(perSecond),
        p50Ms: rounded(at(0.5)),
        p99Ms: rounded(at(0.99)),
        limitPerSecond: rounded(round.limit),
        at: new Date().toISOString(),
      })
    }
    return points
  })
  await limit.close()
  return { measured: [], curve }
}
