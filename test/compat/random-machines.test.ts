import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import pg from 'pg'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { type Backend, memoryBackend, postgresBackend } from './harness/backend.js'
import type { Case, Step } from './harness/case.js'
import { definitionOf } from './harness/definition.js'
import { refusalOf, runDurable, UNLIKE } from './harness/durable.js'
import { compare } from './harness/judge.js'
import { runPlain } from './harness/plain.js'
import { machineConfigs } from './random/machines.js'
import { EVENTS, machineOf } from './random/words.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const RUNS = isLong ? 5_000 : 150
/** A statement takes a millisecond there. */
const RUNS_ON_POSTGRES = isLong ? 500 : 15

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.constantFrom(...EVENTS, 'unheard').map(type => ({ type })), weight: 3 },
  { arbitrary: fc.constantFrom(10, 20, 40), weight: 1 },
)

const runs = fc.record({
  config: machineConfigs,
  steps: fc.array(step, { minLength: 1, maxLength: 10 }),
  /** Before which steps another engine takes over, by turns. */
  restarts: fc.array(fc.boolean(), { minLength: 11, maxLength: 11 }),
})

let number = 0

/** What differs, as a sentence. `undefined`: nothing, or a plain actor does not get through it. */
async function difference(
  {
    config,
    steps,
    restarts,
  }: { config: Parameters<typeof machineOf>[0]; steps: Step[]; restarts: boolean[] },
  backend: Backend,
): Promise<string | undefined> {
  const name = `random-${++number}`
  const theCase: Case = { machine: machineOf(config), steps }
  const refusal = refusalOf(definitionOf(name, theCase.machine, steps))
  if (refusal !== undefined) return refusal
  const plain = endingPlain(theCase)
  const failed = plain?.findIndex(({ failure }) => failure !== undefined) ?? 0
  // Timers that fail are tried again later, and a start that fails is no instance.
  if (plain === undefined || failed === 0 || typeof steps[failed - 1] === 'number') return undefined
  // Once it has failed, a plain actor has stopped.
  const taken = failed === -1 ? steps : steps.slice(0, failed)
  const durable = await runDurable(
    name,
    { ...theCase, steps: taken },
    { backend, restarts: i => restarts[i] ?? true },
  )
  const firstFailed = durable.findIndex(({ failure }) => failure !== undefined)
  if (firstFailed !== failed || durable[firstFailed]?.failure?.startsWith(UNLIKE) === true) {
    return `step ${firstFailed} failed (${durable[firstFailed]?.failure}); with a plain actor step ${failed} (${plain[failed]?.failure})`
  }
  const until = failed === -1 ? durable.length : failed
  const finding = compare(name, { ...theCase, steps: steps.slice(0, until - 1) }, durable.slice(0, until))
  return finding.kind === 'same' ? undefined : JSON.stringify(finding, null, 1).replaceAll('\\n', '\n')
}

/** `undefined` where its timers arm each other without end. */
function endingPlain(theCase: Case): ReturnType<typeof runPlain> | undefined {
  try {
    return runPlain(theCase)
  } catch {
    return undefined
  }
}

const holds = (backend: Backend) =>
  fc.asyncProperty(runs, async run => {
    expect(await difference(run, backend)).toBeUndefined()
  })

describe('R10.8 a random machine, with engines that take over from each other at random', () => {
  let database: TestDatabase
  let pool: pg.Pool
  let postgres: ReturnType<typeof postgresBackend>

  beforeAll(async () => {
    database = await createTestDatabase()
    pool = new pg.Pool({ connectionString: database.connectionString })
    postgres = postgresBackend({ connectionString: database.connectionString, pool })
  })

  afterAll(async () => {
    await postgres.close()
    await pool.end()
    await database.drop()
  })

  it(
    'behaves like a plain actor, on the store in memory',
    async () => {
      await fc.assert(holds(memoryBackend()), { numRuns: RUNS })
    },
    isLong ? 3_600_000 : 300_000,
  )

  it(
    'behaves like a plain actor, on Postgres',
    async () => {
      await fc.assert(holds(postgres), { numRuns: RUNS_ON_POSTGRES })
    },
    isLong ? 3_600_000 : 300_000,
  )
})
