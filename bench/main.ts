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
import { toFigure } from './report/figure.js'
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
const begunAt = performance.now()
const progress = showProgress(chosen.reduce((sum, part) => sum + part.steps(size), 0))
const outcomes: Outcome[] = []
const world = await openWorld()
// Postgres outlives a process that is told to end, unless it is ended too.
for (const reason of ['SIGINT', 'SIGTERM', 'uncaughtException'] as const) {
  process.on(reason, error => {
    console.error(`ended by ${reason}`, error)
    world.end().finally(() => process.exit(1))
  })
}
try {
  for (const part of chosen) outcomes.push(await part.run({ world, size, step: progress.step }))
} catch (error) {
  // What was measured before it stays measured.
  console.error(error)
  process.exitCode = 1
} finally {
  progress.stop()
  await world.end()
}

const now = new Date()
const figures = Object.fromEntries(
  outcomes.flatMap(({ measured }) => measured.map(one => [one.key, toFigure(one, now)])),
)
const curve = outcomes.flatMap(outcome => outcome.curve ?? [])
const machine = describeMachine()
console.log(`\n${machine}\n\n${figuresTable(figures)}\n`)
for (const note of outcomes.flatMap(({ notes = [] }) => notes)) console.log(note)
console.log(`${Math.round((performance.now() - begunAt) / 1000)} s in all`)
if (!options.isQuick && outcomes.length > 0) {
  await writeResults(merged(readResults(), { machine, date: now.toISOString(), figures, curve }))
  await writePerformanceDocuments()
}
process.exit()
