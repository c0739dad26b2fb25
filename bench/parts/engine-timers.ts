/* B5: the measurements of the engine's timers. */
import type { Transition } from '../../src/runtime/types.js'
import { copyInstances } from '../copies.js'
import { openEngine } from '../engine.js'
import { customerOf, request } from '../subject.js'
import { uuidAt } from '../uuid.js'
import type { Database, World } from '../world.js'
import { armAll } from './arming.js'
import { assertNoViolations } from './audited.js'
import { Countdown } from './countdown.js'

/** Occurs in no other text of the request. */
const SAMPLE = 'sampled-for-copies'

/** Adds rows of `timers` only: the engine reads nothing else before they are due. They are removed before the audit. */
export async function fillNotDue({ pool }: Database, count: number): Promise<void> {
  await pool.query(
    `insert into timers (instance, send_id, machine, generation, event_json, due_at)
     select ${uuidAt('clock_timestamp()')}, 'xstate.after.broadcastTimeout.broadcast.lifecycle.seeking', 'broadcast', 1,
       '{"type": "xstate.after.broadcastTimeout.broadcast.lifecycle.seeking"}', now() + interval '1 day' + n * interval '1 ms'
     from generate_series(1, $1::int) n`,
    [count],
  )
  await pool.query('vacuum (analyze) timers')
}

export async function removeNotDue({ pool }: Database): Promise<void> {
  await pool.query("delete from timers where due_at > now() + interval '12 hours'")
}

/** Measures the time from the due time of a request's deadline to its committed expiry. */
export async function measureLateness(
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

/** Timers a second, from the start of an engine that finds `count` deadlines overdue. */
export async function measureDrain(world: World, count: number): Promise<number> {
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
