/* B3: a crowd wants one request of many trucks at once, on one process and on two. */
import type { Engine } from '../../src/runtime/index.js'
import { createRequest, sendAccept } from '../engine.js'
import { median } from '../measure.js'
import { atLeast, atMost, type Measured } from '../report/figure.js'
import { openUsualWay } from '../usual/requests.js'
import { countOf, elapsedMs, fireCrowd, type Order, type Report, startCrowdProcess } from './crowd.js'
import type { Context, Outcome, Part } from './part.js'
import { onStage } from './stage.js'

const TRUCKS = 200
const CONTENDERS = 1_000
const PROCESSES = 2
/** A round takes only a tenth of a second and varies by as much, so there are more of them. */
const ROUNDS_EACH = 3
/** For new processes, whose code is still slow and whose connections are not open yet. */
const WARM_UPS = 3
const GOAL_USUAL = 40
const GOAL_ONE_MS = 100
const GOAL_TWO_MS = 250

export const hot: Part = {
  id: 'B3',
  title: 'hot: one request of 200 trucks, 1,000 contenders',
  steps: size => 2 + size.rounds + 1,
  run,
}

async function run(context: Context): Promise<Outcome> {
  const { world, size, step } = context
  const trucks = size.of(TRUCKS)
  const contenders = size.of(CONTENDERS)
  const scale = { trucks, contenders, rounds: size.rounds * ROUNDS_EACH }
  const { one, two } = await onStage(context, 'B3', async ({ engine, database }) => {
    step('B3 on one process')
    const one = await roundsOf(engine, 'one', scale, async (id, prefix) => [
      await fireCrowd((...given) => sendAccept(engine, ...given), { id, prefix, contenders }),
    ])
    step('B3 on two processes')
    const processes = await Promise.all(
      Array.from({ length: PROCESSES }, () => startCrowdProcess(database.connectionString)),
    )
    const two = await roundsOf(engine, 'two', scale, (id, prefix) =>
      Promise.all(
        processes.map((its, i) =>
          its.ask({ id, prefix: `${prefix}-${i}`, contenders: contenders / PROCESSES }),
        ),
      ),
    )
    await Promise.all(processes.map(its => its.end()))
    return { one, two }
  })
  const usual: number[] = []
  const redis = await world.connectRedis()
  const usualDatabase = await world.createDatabase()
  const way = await openUsualWay(usualDatabase.connectionString, redis)
  for (let round = 0; round < size.rounds; round++) {
    step(`B3 the usual way, round ${round + 1}`)
    const order: Order = { id: await way.create(`${round}`, trucks), prefix: `${round}`, contenders }
    usual.push(elapsedMs([await fireCrowd(way.accept, order)]))
  }
  await way.close()
  redis.disconnect()
  await usualDatabase.drop()
  return { measured: figuresOf(contenders, one, two, usual) }
}

interface Scale {
  readonly trucks: number
  readonly contenders: number
  readonly rounds: number
}

/** The milliseconds of each round. The first rounds are not counted. */
async function roundsOf(
  engine: Engine,
  name: string,
  { trucks, contenders, rounds }: Scale,
  fire: (id: string, prefix: string) => Promise<readonly Report[]>,
): Promise<number[]> {
  const times: number[] = []
  for (let round = -WARM_UPS; round < rounds; round++) {
    const prefix = `${name}-${round}`
    const reports = await fire(await createRequest(engine, prefix, trucks), prefix)
    assertWins(reports, trucks, contenders)
    if (round >= 0) times.push(elapsedMs(reports))
  }
  return times
}

function assertWins(reports: readonly Report[], trucks: number, contenders: number): void {
  const [won, lost] = [countOf(reports, 'won'), countOf(reports, 'NO_LONGER_AVAILABLE')]
  if (won === trucks && lost === contenders - trucks) return
  throw new Error(
    `B3: exactly ${trucks} of ${contenders} must win, and all others must get NO_LONGER_AVAILABLE: ${won} won, ${lost} got it`,
  )
}

function figuresOf(
  contenders: number,
  one: readonly number[],
  two: readonly number[],
  usual: readonly number[],
): Measured[] {
  const rate = (times: readonly number[]) => times.map(ms => (contenders / ms) * 1000)
  // The usual way has fewer rounds, so its median is compared with all of ours.
  const what = 'the usual way'
  return [
    {
      key: 'B3',
      what: 'accepts of one request decided',
      unit: '/s',
      values: rate(one),
      beside: { what, values: [median(rate(usual))] },
      goal: atLeast(GOAL_USUAL),
    },
    {
      key: 'B3.one',
      what: 'until all are decided, one process',
      unit: 'ms',
      values: one,
      beside: { what, values: [median(usual)] },
      goal: atMost(GOAL_ONE_MS),
    },
    {
      key: 'B3.two',
      what: 'until all are decided, two processes',
      unit: 'ms',
      values: two,
      beside: { what, values: [median(usual)] },
      goal: atMost(GOAL_TWO_MS),
    },
  ]
}
