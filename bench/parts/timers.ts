/* B5: ten thousand deadlines within five seconds among a million that are not due, and a hundred thousand overdue. */
import type { Redis } from 'ioredis'
import { percentile } from '../../demo/figures.js'
import type { Transition } from '../../src/runtime/types.js'
import { copyInstances } from '../copies.js'
import { openEngine } from '../engine.js'
import { inFlight } from '../measure.js'
import { findPeers, HOW_TO_INSTALL, runPeer } from '../peers/run.js'
import { atLeast, atMost, type Measured } from '../report/figure.js'
import { customerOf, request } from '../subject.js'
import { openUsualWay, type UsualWay } from '../usual/requests.js'
import { createUsualTimers } from '../usual/timers.js'
import type { Database, World } from '../world.js'
import { assertNoViolations } from './audited.js'
import { Countdown } from './countdown.js'
import type { Context, Outcome, Part } from './part.js'

const DUE = 10_000
const WITHIN_MS = 5_000
const NOT_DUE = 1_000_000
/** To the advantage of the peers, which take minutes to be given a million. */
const NOT_DUE_PEERS = 100_000
const OVERDUE = 100_000
/** Of the usual way and the peers: a rate is a rate, and they take longer. */
const OVERDUE_OTHERS = 5_000
/** All are armed by then. */
const LEAD_MS = 12_000
const ARMED_AT_ONCE = 128
const GOAL_P99_MS = 20
const GOAL_MAX_MS = 100
const GOAL_DRAIN = 5_000
const SAMPLE = 'sampled-for-copies'
const THE_USUAL_WAY = 'the usual way'

/** Every part of B5, each of which can be run alone. */
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

/** Rows of `timers` alone: of what is not due nothing else is looked at. They go before the audit. */
async function fillNotDue({ pool }: Database, count: number): Promise<void> {
  await pool.query(
    `insert into timers (instance, send_id, machine, generation, event, due_at)
     select uuidv7(), 'xstate.after.broadcastTimeout.broadcast.lifecycle.seeking', 'broadcast', 1,
       '{"type": "xstate.after.broadcastTimeout.broadcast.lifecycle.seeking"}', now() + interval '1 day' + n * interval '1 ms'
     from generate_series(1, $1::int) n`,
    [count],
  )
  await pool.query('vacuum (analyze) timers')
}

async function removeNotDue({ pool }: Database): Promise<void> {
  await pool.query("delete from timers where due_at > now() + interval '12 hours'")
}

/** When the `i`th of `count` is due. */
const dueAtOf = (firstAt: number, i: number, count: number) => firstAt + Math.round((i * WITHIN_MS) / count)

async function armAll(count: number, arm: (i: number, dueAt: number) => Promise<unknown>): Promise<void> {
  const firstAt = Date.now() + LEAD_MS
  await inFlight(count, ARMED_AT_ONCE, i => arm(i, dueAtOf(firstAt, i, count)))
  if (Date.now() > firstAt) throw new Error(`arming ${count} timers took longer than ${LEAD_MS} ms`)
}

/** From the time at which a request's deadline is due to when its expiry is committed and seen. */
async function measureLateness(
  { connectionString }: Database,
  prefix: string,
  count: number,
): Promise<number[]> {
  const lateness: number[] = []
  const all = new Countdown(count)
  const observe = ({ instance }: Transition) => {
    if (instance.status !== 'expired') return
    lateness.push(Date.now() - instance.snapshot.context.expiresAt)
    all.countOne()
  }
  const { engine, close } = await openEngine(connectionString, { observe })
  await armAll(count, async (i, dueAt) => {
    const name = `${prefix}-${i}`
    const input = request(name, 1, { timeoutMs: dueAt - Date.now() })
    const { kind } = await engine.create('broadcast', input, { actor: customerOf(name) })
    if (kind !== 'created') throw new Error(`request ${name} was ${kind}`)
  })
  await all.done
  await close()
  return lateness
}

async function measureDrain(world: World, count: number): Promise<number> {
  const database = await world.createDatabase()
  const before = await openEngine(database.connectionString, { isStarted: false })
  const input = request(SAMPLE, 1, { timeoutMs: 1 })
  const sample = await before.engine.create('broadcast', input, { actor: customerOf(SAMPLE) })
  if (sample.kind !== 'created') throw new Error(`the sample was ${sample.kind}`)
  await before.close()
  await copyInstances(database.pool, { id: sample.id, name: SAMPLE }, count - 1, { prefix: 'overdue-' })
  await database.pool.query('vacuum (analyze)')

  const all = new Countdown(count)
  const begunAt = performance.now()
  const { close } = await openEngine(database.connectionString, {
    observe: ({ instance }) => {
      if (instance.status === 'expired') all.countOne()
    },
  })
  await all.done
  const seconds = (performance.now() - begunAt) / 1000
  await close()
  await assertNoViolations(database)
  await database.drop()
  return count / seconds
}

async function onUsualWay<T>(world: World, work: (way: UsualWay, redis: Redis) => Promise<T>): Promise<T> {
  const database = await world.createDatabase()
  const redis = await world.connectRedis()
  const way = await openUsualWay(database.connectionString, redis)
  const result = await work(way, redis)
  await way.close()
  redis.disconnect()
  await database.drop()
  return result
}

async function usualLateness(way: UsualWay, redis: Redis, count: number): Promise<number[]> {
  const dueAts = new Map<string, number>()
  const lateness: number[] = []
  const all = new Countdown(count)
  const timers = createUsualTimers(redis, async id => {
    await way.expire(id)
    lateness.push(Date.now() - (dueAts.get(id) ?? Number.NaN))
    all.countOne()
  })
  timers.start()
  await armAll(count, async (i, dueAt) => {
    const id = await way.create(`due-${i}`, 1)
    dueAts.set(id, dueAt)
    await timers.set(id, dueAt)
  })
  await all.done
  await timers.stop()
  return lateness
}

async function usualDrain(way: UsualWay, redis: Redis, count: number): Promise<number> {
  const all = new Countdown(count)
  const timers = createUsualTimers(redis, async id => {
    await way.expire(id)
    all.countOne()
  })
  await inFlight(count, ARMED_AT_ONCE, async i => timers.set(await way.create(`overdue-${i}`, 1), Date.now()))
  const begunAt = performance.now()
  timers.start()
  await all.done
  const perSecond = (count / (performance.now() - begunAt)) * 1000
  await timers.stop()
  return perSecond
}
