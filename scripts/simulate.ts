/*
 * `npm run simulate -- --seed S --runs N`: simulates clusters, each with a seed of its own. At the first run that breaks a
 * promise it prints the seed, the smallest schedule and a trace, and ends with exit code 1. If a run is not possible, the
 * exit code is 2. A run has at most `--steps` steps and at least `--least-steps`. `--subject` names a module that exports
 * the subject of another machine, `--save` writes the schedule to a file, and `--schedule` runs a saved one.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import progress from 'cli-progress'
import {
  formatFailure,
  formatSchedule,
  formatViolation,
  parseSchedule,
  type Subject,
  simulate,
  simulateSchedule,
  traceMermaid,
} from '../src/testing/index.js'
import { broadcastSubject } from './subjects/broadcast.js'

const options = {
  seed: { type: 'string' },
  runs: { type: 'string', default: '1000' },
  nodes: { type: 'string', default: '3' },
  steps: { type: 'string', default: '50' },
  'least-steps': { type: 'string', default: '0' },
  subject: { type: 'string' },
  schedule: { type: 'string' },
  save: { type: 'string' },
} as const
type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values']

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least) return value
  throw new Error(`--${name} must be a whole number of ${least} or more, not "${text}"`)
}

async function importSubject(path: string): Promise<Subject> {
  const module: Record<string, unknown> = await import(pathToFileURL(path).href)
  const isSubject = (value: unknown) => typeof value === 'object' && value !== null && 'commands' in value
  const found = Object.values(module).find(isSubject)
  if (found === undefined) throw new Error(`${path} exports no subject: {definition, inputs, commands, …}`)
  return found as Subject
}

async function runSaved(subject: Subject, path: string): Promise<void> {
  const schedule = parseSchedule(await readFile(path, 'utf8'))
  const run = await simulateSchedule(subject, schedule, { keepsTrace: true })
  console.log(traceMermaid(run.trace))
  console.log(`trace ${run.fingerprint}, ${run.transitions} transitions, ${run.violations.length} violations`)
  for (const violation of run.violations) console.log(`  ${formatViolation(violation)}`)
  if (run.violations.length > 0) process.exitCode = 1
}

async function runMany(subject: Subject, values: Values): Promise<void> {
  const seed = wholeNumber('seed', values.seed ?? String(Math.floor(Math.random() * 2 ** 31)), 0)
  const runs = wholeNumber('runs', values.runs, 1)
  const schedules = {
    nodes: wholeNumber('nodes', values.nodes, 1),
    steps: wholeNumber('steps', values.steps, 1),
    leastSteps: wholeNumber('least-steps', values['least-steps'], 0),
  }
  console.log(`seed ${seed}, ${runs} runs of ${subject.definition.name} on ${schedules.nodes} nodes`)
  const bar = new progress.SingleBar(
    { format: '{bar} {value}/{total} runs, {transitions} transitions, {eta_formatted} left' },
    progress.Presets.shades_classic,
  )
  if (process.stderr.isTTY) bar.start(runs, 0, { transitions: 0 })
  const startedAt = performance.now()
  const onRun = (done: number, transitions: number) => bar.update(done, { transitions })
  const campaign = await simulate(subject, { seed, runs, schedules, onRun })
  bar.stop()
  const seconds = (performance.now() - startedAt) / 1000
  const perMinute = Math.round((campaign.runs / seconds) * 60)
  console.log(
    `${campaign.runs} runs, ${campaign.operations} operations, ${campaign.transitions} transitions in ${seconds.toFixed(1)} s (${perMinute} runs a minute)`,
  )
  const { failure } = campaign
  if (failure === undefined) {
    console.log('no violation')
    return
  }
  console.log(formatFailure(failure))
  if (values.save !== undefined) await writeFile(values.save, formatSchedule(failure.schedule))
  process.exitCode = 1
}

try {
  const { values } = parseArgs({ options })
  const subject = values.subject === undefined ? broadcastSubject : await importSubject(values.subject)
  await (values.schedule === undefined ? runMany(subject, values) : runSaved(subject, values.schedule))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
