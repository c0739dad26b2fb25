/* B2: many requests, each with far more contenders than trucks, all fired at once. */
import { tally } from '../../demo/figures.js'
import { createRequest, sendAccept } from '../engine.js'
import { besideLimit, openLimit } from '../limit/limit.js'
import { inFlight } from '../measure.js'
import { atLeast } from '../report/figure.js'
import { openUsualWay } from '../usual/requests.js'
import type { Context, Outcome, Part } from './part.js'
import { onStage } from './stage.js'

const REQUESTS = 300
const TRUCKS = 3
const CONTENDERS = 20
const CREATES_AT_ONCE = 64
const GOAL_LIMIT = 5
const GOAL_USUAL = 15

export const race: Part = {
  id: 'B2',
  title: 'race: 300 requests of 3 trucks, 20 contenders each, fired together',
  steps: size => 2 * size.rounds + 1,
  run,
}

async function run(context: Context): Promise<Outcome> {
  const { world, size, step } = context
  const requests = size.of(REQUESTS)
  const redis = await world.connectRedis()
  const limit = await openLimit(world, size.limitScale)
  const usualDatabase = await world.createDatabase()
  const usual = await openUsualWay(usualDatabase.connectionString, redis)
  const theirs = { create: (name: string) => usual.create(name, TRUCKS), accept: usual.accept }
  let usualWins = ''
  const rounds = await onStage(context, 'B2', async ({ engine }) => {
    const ours = {
      create: (name: string) => createRequest(engine, name, TRUCKS),
      accept: (id: string, name: string) => sendAccept(engine, id, name),
    }
    await fireTogether(ours, 'warm', requests)
    return besideLimit(limit, size.rounds, async round => {
      step(`B2 the engine, round ${round + 1}`)
      const decided = await fireTogether(ours, `${round}`, requests)
      assertWins(decided.outcomes, requests)
      step(`B2 the usual way, round ${round + 1}`)
      const usually = await fireTogether(theirs, `${round}`, requests)
      usualWins = [...usually.outcomes].map(([outcome, n]) => `${n} ${outcome}`).join(', ')
      return { ours: decided.perSecond, usual: usually.perSecond }
    })
  })
  await usual.close()
  redis.disconnect()
  await Promise.all([limit.close(), usualDatabase.drop()])
  const values = rounds.map(({ value }) => value.ours)
  const what = `accepts decided, ${CONTENDERS} for ${TRUCKS} trucks`
  return {
    measured: [
      {
        key: 'B2',
        what,
        unit: '/s',
        values,
        beside: { what: 'the limit', values: rounds.map(round => round.limit) },
        goal: atLeast(GOAL_LIMIT),
      },
      {
        key: 'B2.usual',
        what,
        unit: '/s',
        values,
        beside: { what: 'the usual way', values: rounds.map(({ value }) => value.usual) },
        goal: atLeast(GOAL_USUAL),
      },
    ],
    notes: [`B2, the usual way, last round: ${usualWins}; ${requests * TRUCKS} trucks were asked for`],
  }
}

interface Way {
  create(name: string): Promise<string>
  accept(id: string, name: string): Promise<string>
}

async function fireTogether(way: Way, prefix: string, requests: number) {
  const ids: string[] = []
  await inFlight(requests, CREATES_AT_ONCE, async i => {
    ids[i] = await way.create(`${prefix}-${i}`)
  })
  const begunAt = performance.now()
  // In turns over all requests, so the contenders of each request are spread over the whole crowd.
  const outcomes = await Promise.all(
    Array.from({ length: requests * CONTENDERS }, (_, i) =>
      way.accept(ids[i % requests] ?? '', `${prefix}-${i}`),
    ),
  )
  const seconds = (performance.now() - begunAt) / 1000
  return { perSecond: outcomes.length / seconds, outcomes: tally(outcomes) }
}

function assertWins(outcomes: ReadonlyMap<string, number>, requests: number): void {
  const [won, lost] = [outcomes.get('won'), outcomes.get('NO_LONGER_AVAILABLE')]
  if (won === requests * TRUCKS && lost === requests * (CONTENDERS - TRUCKS)) return
  const found = [...outcomes].map(([outcome, n]) => `${n} ${outcome}`).join(', ')
  throw new Error(
    `B2: exactly ${requests * TRUCKS} must win, and all others must get NO_LONGER_AVAILABLE: ${found}`,
  )
}
