/* B5: ten thousand deadlines within five seconds among a million that are not due, and a hundred thousand overdue. */
import { percentile } from '../../demo/figures.js'
import { findPeers, HOW_TO_INSTALL, runPeer } from '../peers/run.js'
import { atLeast, atMost, type Measured } from '../report/figure.js'
import { LEAD_MS, WITHIN_MS } from './arming.js'
import { assertNoViolations } from './audited.js'
import { fillNotDue, measureDrain, measureLateness, removeNotDue } from './engine-timers.js'
import type { Context, Outcome, Part } from './part.js'
import { onUsualWay, usualDrain, usualLateness } from './usual-timers.js'

const DUE = 10_000
const NOT_DUE = 1_000_000
/** Fewer than for the engine, to the advantage of the peers: they would need minutes to store a million. */
const NOT_DUE_PEERS = 100_000
const OVERDUE = 100_000
/** For the usual way and the peers. Only the rate is compared, and they take longer. */
const OVERDUE_OTHERS = 5_000
const GOAL_P99_MS = 20
const GOAL_MAX_MS = 100
const GOAL_DRAIN = 5_000
const THE_USUAL_WAY = 'the usual way'

/** All parts of B5. Each can be run alone. */
export const timerParts: readonly Part[] = [
  {
    id: 'B5.late',
    title: 'timers: 10,000 due within 5 s among 1,000,000 that are not',
    steps: size => 1 + size.rounds + 1,
    run: runLate,
  },
  {
    id: 'B5.drain',
    title: 'timers: 100,000 overdue at start',
    steps: size => size.rounds + 1,
    run: runDrain,
  },
  {
    id: 'B5.peers',
    title: 'timers: job queues on Postgres',
    steps: () => 2,
    run: runPeers,
  },
]

async function runLate({ world, size, step }: Context): Promise<Outcome> {
  step(`B5 filling: ${size.of(NOT_DUE)} timers that are not due`)
  const database = await world.createDatabase()
  await fillNotDue(database, size.of(NOT_DUE))
  const late: number[][] = []
  for (let round = 0; round < size.rounds; round++) {
    step(`B5 due within ${WITHIN_MS / 1000} s, round ${round + 1}`)
    late.push(await measureLateness(database, `${round}`, size.of(DUE)))
  }
  await removeNotDue(database)
  await assertNoViolations(database)
  await database.drop()
  step('B5 the usual way')
  const usual = await onUsualWay(world, (way, redis) => usualLateness(way, redis, size.of(DUE)))
  const beside = (value: number) => ({ what: THE_USUAL_WAY, values: [value] })
  return {
    measured: [
      { ...P99, values: late.map(p99), beside: beside(p99(usual)), goal: atMost(GOAL_P99_MS) },
      { ...MOST, values: late.map(most), beside: beside(most(usual)), goal: atMost(GOAL_MAX_MS) },
    ],
  }
}

async function runDrain({ world, size, step }: Context): Promise<Outcome> {
  const drained: number[] = []
  for (let round = 0; round < size.rounds; round++) {
    step(`B5 overdue, round ${round + 1}`)
    drained.push(await measureDrain(world, size.of(OVERDUE)))
  }
  step('B5 overdue, the usual way')
  const usual = await onUsualWay(world, (way, redis) => usualDrain(way, redis, size.of(OVERDUE_OTHERS)))
  const beside = { what: THE_USUAL_WAY, values: [usual] }
  return { measured: [{ ...DRAIN, values: drained, beside, goal: atLeast(GOAL_DRAIN, 'value') }] }
}

async function runPeers({ world, size, step }: Context): Promise<Outcome> {
  const { installed, missing } = findPeers()
  const measured: Measured[] = []
  for (const peer of installed) {
    step(`B5 ${peer}`)
    const database = await world.createDatabase()
    const { latenessMs, drainedPerSecond } = await runPeer(peer, {
      connectionString: database.connectionString,
      due: size.of(DUE),
      leadMs: LEAD_MS,
      withinMs: WITHIN_MS,
      notDue: size.of(NOT_DUE_PEERS),
      overdue: size.of(OVERDUE_OTHERS),
    })
    await database.drop()
    const named = ({ key, ...figure }: Kind) => ({
      ...figure,
      key: `${key}.${peer}`,
      what: `${figure.what}, ${peer}`,
    })
    measured.push(
      { ...named(P99), values: [p99(latenessMs)] },
      { ...named(MOST), values: [most(latenessMs)] },
      { ...named(DRAIN), values: [drainedPerSecond] },
    )
  }
  const notes = missing.map(peer => `B5: ${peer} is left out, as it is not installed. ${HOW_TO_INSTALL}`)
  return { measured, notes }
}

type Kind = Pick<Measured, 'key' | 'what' | 'unit'>

const P99: Kind = { key: 'B5', what: 'p99 lateness of a timer', unit: 'ms' }
const MOST: Kind = { key: 'B5.max', what: 'greatest lateness', unit: 'ms' }
const DRAIN: Kind = { key: 'B5.drain', what: 'overdue timers', unit: '/s' }

const p99 = (lateness: readonly number[]) => percentile(lateness, 0.99) ?? Number.NaN
const most = (lateness: readonly number[]) => percentile(lateness, 1) ?? Number.NaN
