/*
 * `npm run bench`: measures the speed of the engine, compared with the limit of the database and with the usual way. It
 * starts its own Postgres and Redis. docs/PERFORMANCE.md explains each figure.
 *
 *   npm run bench                 everything; writes bench/results.json, docs/PERFORMANCE.md and docs/bench.svg
 *   npm run bench -- B1 B3        only these parts; results.json keeps the last figures of the others
 *   npm run bench -- --quick B1   a tenth of the work, once; writes nothing
 */
import { readOptions } from './options.js'
import { parts } from './parts/index.js'
import { FULL, type Outcome, QUICK } from './parts/part.js'
import { writePerformanceDocuments } from './report/documents.js'
import { type Figure, type Measured, toFigure } from './report/figure.js'
import { showProgress } from './report/progress.js'
import { describeMachine, merged, readResults, writeResults } from './report/results.js'
import { figuresTable } from './report/table.js'
import { openWorld } from './world.js'

const options = readOptions(
  process.argv.slice(2),
  parts.map(({ id }) => id),
)
const size = options.isQuick ? QUICK : FULL
const chosen = parts.filter(({ id }) => options.parts.includes(id))
const machine = describeMachine()
const begunAt = performance.now()
const progress = showProgress(chosen.reduce((sum, part) => sum + part.steps(size), 0))
const outcomes: Outcome[] = []
const world = await openWorld()
// Postgres outlives a process that ends, unless it is stopped too.
let isEnding = false
for (const reason of ['SIGINT', 'SIGTERM', 'uncaughtException'] as const) {
  process.on(reason, error => {
    // Open connections fail when Postgres stops. These failures do not matter any more.
    if (isEnding) return
    isEnding = true
    console.error(`ended by ${reason}`, error)
    world.end().finally(() => process.exit(1))
  })
}
try {
  for (const part of chosen) {
    const outcome = await part.run({ world, size, step: progress.step })
    outcomes.push(outcome)
    if (!options.isQuick) await keep(outcome)
  }
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  isEnding = true
  progress.stop()
  await world.end()
}
const all = Object.assign({}, ...outcomes.map(({ measured }) => figures(measured)))
console.log(`\n${machine}\n\n${figuresTable(all)}\n`)
for (const note of outcomes.flatMap(({ notes = [] }) => notes)) console.log(note)
console.log(`${Math.round((performance.now() - begunAt) / 1000)} s in all`)
process.exit()

/** Saves the results of a part at once, so that they are kept even if a later part fails. */
async function keep({ measured, curve = [] }: Outcome): Promise<void> {
  const now = { machine, date: new Date().toISOString(), figures: figures(measured), curve }
  await writeResults(merged(readResults(), now))
  await writePerformanceDocuments()
}

function figures(measured: readonly Measured[]): Record<string, Figure> {
  const at = new Date()
  return Object.fromEntries(measured.map(one => [one.key, toFigure(one, at)]))
}
