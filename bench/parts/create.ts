/* B4: new requests, each with its two timers and the claim of its customer. */
import { percentile } from '../../demo/figures.js'
import { createRequest } from '../engine.js'
import { besideLimit, openLimit } from '../limit/limit.js'
import { timed } from '../measure.js'
import { atLeast } from '../report/figure.js'
import type { Context, Outcome, Part } from './part.js'
import { onStage } from './stage.js'

const REQUESTS = 20_000
const WARM_UP = 1_000
const AT_ONCE = 256
const TRUCKS = 2
/** The deadline, and the next step of the search. */
const TIMERS_EACH = 2

export const create: Part = {
  id: 'B4',
  title: 'create: requests with timers and claims',
  steps: size => size.rounds + 1,
  run,
}

async function run(context: Context): Promise<Outcome> {
  const { world, size, step } = context
  const limit = await openLimit(world, size.limitScale)
  const rounds = await onStage(context, 'B4', async ({ engine, database }) => {
    const createMany = (prefix: string, count: number) =>
      timed(count, AT_ONCE, i => createRequest(engine, `${prefix}-${i}`, TRUCKS))
    await createMany('warm', size.of(WARM_UP))
    const measured = await besideLimit(limit, size.rounds, round => {
      step(`B4 creating, round ${round + 1}`)
      return createMany(`${round}`, size.of(REQUESTS))
    })
    const expected = size.of(WARM_UP) + size.rounds * size.of(REQUESTS)
    const { rows } = await database.pool.query<{ claims: number; timers: number }>(
      "select (select count(*)::int from claims where key like 'customer:%') as claims, (select count(*)::int from timers) as timers",
    )
    const { claims, timers } = rows[0] ?? {}
    if (claims !== expected || timers !== expected * TIMERS_EACH) {
      throw new Error(`B4: ${expected} requests have ${claims} claims and ${timers} timers`)
    }
    return measured
  })
  await limit.close()
  return {
    measured: [
      {
        key: 'B4',
        what: `creates, ${AT_ONCE} in flight`,
        unit: '/s',
        values: rounds.map(({ value }) => value.perSecond),
        beside: { what: 'the limit', values: rounds.map(round => round.limit) },
        goal: atLeast(1),
      },
      {
        key: 'B4.p99',
        what: `p99 of a create, ${AT_ONCE} in flight`,
        unit: 'ms',
        values: rounds.map(({ value }) => percentile(value.latenciesMs, 0.99) ?? Number.NaN),
      },
    ],
  }
}
