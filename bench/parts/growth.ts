/* B8: B1 on tables with a million ended requests, and B1 on empty ones, in turn. */
import type { Engine } from '../../src/runtime/index.js'
import { copyInstances } from '../copies.js'
import { createRequest, openEngine, sendAccept } from '../engine.js'
import { atLeast } from '../report/figure.js'
import { customerOf } from '../subject.js'
import type { Database } from '../world.js'
import { acceptFresh } from './fresh-accepts.js'
import type { Context, Outcome, Part } from './part.js'
import { onStage } from './stage.js'
import { sizeInWords, tableSizes } from './table-sizes.js'

const ENDED = 1_000_000
const REQUESTS = 5_000
const AT_ONCE = 64
const WARM_UP = 2_000
const GOAL = 0.9
/** Occurs in no other text of the request. */
const SAMPLE = 'sampled-for-copies'

export const growth: Part = {
  id: 'B8',
  title: 'growth: B1 with 1,000,000 ended requests in the tables',
  steps: size => 1 + size.rounds + 2,
  run,
}

async function run(context: Context): Promise<Outcome> {
  const { size, step } = context
  const ended = size.of(ENDED)
  const [full, empty, sizes] = await onStage(context, 'B8 empty tables,', emptyStage =>
    onStage(context, 'B8 full tables,', async fullStage => {
      step(`B8 filling: ${ended} requests`)
      await fill(fullStage.database, ended)
      const stages = [fullStage, emptyStage]
      for (const { engine } of stages) await acceptFresh(engine, 'warm', size.of(WARM_UP), AT_ONCE)
      const rates: [number[], number[]] = [[], []]
      for (let round = 0; round < size.rounds; round++) {
        step(`B8 round ${round + 1}, full and empty`)
        for (const [i, { engine }] of stages.entries()) {
          const { perSecond } = await acceptFresh(engine, `${round}`, size.of(REQUESTS), AT_ONCE)
          rates[i]?.push(perSecond)
        }
      }
      return [...rates, await tableSizes(fullStage.database)] as const
    }),
  )
  return {
    measured: [
      {
        key: 'B8',
        what: `accepts, ${AT_ONCE} in flight, full tables`,
        unit: '/s',
        values: full,
        beside: { what: 'on empty ones', values: empty },
        goal: atLeast(GOAL),
      },
    ],
    notes: [
      `B8, tables + indexes: ${[...sizes].map(([name, size]) => `${name} ${sizeInWords(size)}`).join(', ')} MB`,
    ],
  }
}

/** Adds requests that had one accept and were then cancelled, which have rows in every table that keeps the past. */
async function fill({ connectionString, pool }: Database, count: number): Promise<void> {
  const { engine, close } = await openEngine(connectionString)
  const id = await endedRequest(engine)
  await close()
  await copyInstances(pool, { id, name: SAMPLE }, count, { prefix: 'ended-', hasEvents: false })
  // As the sweep of events records it: there are no events from before.
  await pool.query(
    'insert into event_retention (swept_before) values (now()) on conflict (is_only) do update set swept_before = now()',
  )
  await pool.query('vacuum (analyze)')
}

async function endedRequest(engine: Engine): Promise<string> {
  const id = await createRequest(engine, SAMPLE, 2)
  await sendAccept(engine, id, SAMPLE)
  const { kind } = await engine.send(id, { type: 'cancel' }, { actor: customerOf(SAMPLE) })
  if (kind !== 'applied') throw new Error(`the sample's cancel is ${kind}`)
  return id
}
