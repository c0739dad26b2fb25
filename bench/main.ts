/*
 * `npm run bench`: how fast the engine is, beside what the database takes and beside the usual way. It brings its own
 * Postgres and Redis. docs/PERFORMANCE.md says what each figure means.
 *
 *   npm run bench                 everything; writes bench/results.json, docs/PERFORMANCE.md and docs/bench.svg
 *   npm run bench -- B1 B3        these parts; the others' last figures stay in results.json
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
// Postgres outlives a process that is told to end, unless it is ended too.
let isEnding = false
for (const reason of ['SIGINT', 'SIGTERM', 'uncaughtException'] as const) {
  process.on(reason, error => {
    // Whoever still has a connection when Postgres ends fails, and it does not matter any more.
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

/** At once: what was measured stays measured, whatever comes of the parts that follow. */
async function keep({ measured, curve = [] }: Outcome): Promise<void> {
  const now = { machine, date: new Date().toISOString(), figures: figures(measured), curve }
  await writeResults(merged(readResults(), now))
  await writePerformanceDocuments()
}

function figures(measured: readonly Measured[]): Record<string, Figure> {
  const at = new Date()
  return Object.fromEntries(measured.map(one => [one.key, toFigure(one, at)]))
}
