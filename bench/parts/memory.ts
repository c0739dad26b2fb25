/* B9: the memory that a process keeps of instances it has touched once, 100,000 of them with one accept each. */
import { copyInstances } from '../copies.js'
import { createRequest, openEngine } from '../engine.js'
import { BYTES_PER_MB } from '../measure.js'
import { atMost } from '../report/figure.js'
import { startWorker } from '../worker.js'
import { assertNoViolations } from './audited.js'
import type { Context, Outcome, Part } from './part.js'

const INSTANCES = 100_000
const TRUCKS = 2
const SAMPLE = 'sampled-for-copies'
const GOAL_MB = 150
/** The cache of snapshots is bounded by 96 MB. The rest is what the garbage collector leaves between them. */
const GOAL_KEPT_MB = 100

export const memory: Part = {
  id: 'B9',
  title: 'memory: 100,000 live instances touched once each',
  steps: size => size.rounds + 1,
  run,
}

export interface TouchOrder {
  /** The prefix of the instances' customers. */
  readonly prefix: string
  readonly count: number
}

/** Resident memory of the process. */
export interface Touched {
  readonly beforeBytes: number
  readonly mostBytes: number
  /** After garbage collections and some seconds. */
  readonly afterBytes: number
  readonly won: number
}

async function run({ world, size, step }: Context): Promise<Outcome> {
  const grown: number[] = []
  const kept: number[] = []
  const count = size.of(INSTANCES)
  for (let round = 0; round < size.rounds; round++) {
    step(`B9 round ${round + 1}`)
    const database = await world.createDatabase()
    const { engine, close } = await openEngine(database.connectionString)
    const id = await createRequest(engine, SAMPLE, TRUCKS)
    await close()
    await copyInstances(database.pool, { id, name: SAMPLE }, count, { prefix: 'live-' })
    await database.pool.query('vacuum (analyze)')
    const worker = await startWorker<TouchOrder, Touched>(
      new URL('memory-process.ts', import.meta.url),
      [database.connectionString],
      ['--expose-gc'],
    )
    const { beforeBytes, mostBytes, afterBytes, won } = await worker.ask({ prefix: 'live-', count })
    await worker.end()
    if (won !== count) throw new Error(`B9: ${won} accepts of ${count} won`)
    grown.push((mostBytes - beforeBytes) / BYTES_PER_MB)
    kept.push((afterBytes - beforeBytes) / BYTES_PER_MB)
    if (round === size.rounds - 1) {
      step('B9 auditing')
      await assertNoViolations(database)
    }
    await database.drop()
  }
  return {
    measured: [
      { key: 'B9', what: 'growth of resident memory', unit: 'MB', values: grown, goal: atMost(GOAL_MB) },
      {
        key: 'B9.kept',
        what: 'of that still there afterwards',
        unit: 'MB',
        values: kept,
        goal: atMost(GOAL_KEPT_MB),
      },
    ],
  }
}
