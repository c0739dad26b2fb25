/*
 * B10: the time from a start of the program to its open port, with an embedded Postgres on existing data. It is compared
 * with the start of its Postgres alone.
 */
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/index.js'
import { startServerProcess } from '../../test/support/server/server-process.js'
import { atMost } from '../report/figure.js'
import { quietLog, removeData } from '../world.js'
import type { Context, Outcome, Part } from './part.js'

const GOAL_MS = 3_000

export const start: Part = {
  id: 'B10',
  title: 'start: a second start to listening, embedded',
  steps: size => 1 + size.rounds,
  run,
}

async function run({ world, size, step }: Context): Promise<Outcome> {
  const dataDir = join(world.folder, 'second-start')
  step('B10 the first start')
  await startAndEnd(dataDir)
  const ours: number[] = []
  const bare: number[] = []
  let data = ''
  for (let round = 0; round < size.rounds; round++) {
    step(`B10 round ${round + 1}`)
    ours.push(await startAndEnd(dataDir))
    const begunAt = performance.now()
    const postgres = await startEmbeddedPostgres({ dataDir, log: quietLog })
    bare.push(performance.now() - begunAt)
    await postgres.stop()
    data = postgres.dataDir
  }
  await removeData(data)
  return {
    measured: [
      {
        key: 'B10',
        what: 'second start to listening, embedded',
        unit: 'ms',
        values: ours,
        beside: { what: 'its Postgres alone', values: bare },
        goal: atMost(GOAL_MS),
      },
    ],
  }
}

/** Milliseconds until the server listens. Throws unless it ends with exit code 0. */
async function startAndEnd(dataDir: string): Promise<number> {
  const begunAt = performance.now()
  const server = await startServerProcess({ DATA_DIR: dataDir, LOG_LEVEL: 'error' })
  const elapsedMs = performance.now() - begunAt
  const code = await server.end('SIGTERM')
  if (code !== 0) throw new Error(`B10: the server ended with ${code}:\n${server.output()}`)
  return elapsedMs
}
