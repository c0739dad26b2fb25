/*
 * Campaigns of simulated runs. The seed of a run gives its schedule and everything random. A run that breaks a promise is
 * shrunk until nothing can be left out, and reported with its seed, schedule and trace.
 */
import fc from 'fast-check'
import { check } from '../check/check.js'
import { formatViolation, type Violation } from '../check/violation.js'
import type { History } from '../history.js'
import { replay } from '../run.js'
import { type ScheduleOptions, schedules } from '../schedule/arbitrary.js'
import { formatSchedule, type Schedule } from '../schedule/schedule.js'
import type { Subject } from '../subject.js'
import { seedOfRun } from './chance.js'
import { shrinkSchedule } from './shrink.js'
import { type SimulationOptions, simulationTarget } from './target.js'
import { type TraceEntry, traceMermaid } from './trace.js'

export interface SimulatedRun {
  readonly history: History
  readonly violations: readonly Violation[]
  readonly transitions: number
  /** Equal for two runs with the same course of events. */
  readonly fingerprint: string
  readonly trace: readonly TraceEntry[]
}

/** Runs one schedule in the simulator and judges it. The same schedule gives the same run, bit by bit. */
export async function simulateSchedule(
  subject: Subject,
  schedule: Schedule,
  options: SimulationOptions = {},
): Promise<SimulatedRun> {
  const target = simulationTarget(options)
  const { history, problems } = await replay(target, subject, schedule)
  const verdict = check(history, subject.definition)
  const stored = problems.map((message): Violation => ({ rule: 'stored', message }))
  return {
    history,
    violations: [...verdict.violations, ...stored],
    transitions: verdict.transitions,
    fingerprint: target.trace?.fingerprint() ?? '',
    trace: target.trace?.entries ?? [],
  }
}

export interface CampaignOptions extends SimulationOptions {
  readonly seed: number
  readonly runs: number
  readonly schedules?: ScheduleOptions
  readonly onRun?: (done: number, transitions: number) => void
}

export interface Failure {
  /** `simulate` with this seed and one run repeats the failure. */
  readonly seed: number
  /** The number of the run that found it. */
  readonly run: number
  /** The smallest schedule that still fails. */
  readonly schedule: Schedule
  readonly violations: readonly Violation[]
  readonly history: History
  /** A Mermaid sequence diagram. */
  readonly diagram: string
}

export interface Campaign {
  readonly runs: number
  readonly operations: number
  readonly transitions: number
  readonly failure: Failure | undefined
}

/** Shrinking tries some hundred smaller schedules. A subject with huge ones must not delay the answer for longer. */
const SHRINK_FOR_MS = 20_000

/** Simulates up to `runs` runs and stops at the first that breaks a promise. */
export async function simulate(subject: Subject, options: CampaignOptions): Promise<Campaign> {
  const arbitrary = schedules(subject, options.schedules)
  let [operations, transitions] = [0, 0]
  for (let i = 0; i < options.runs; i++) {
    // The first run has the campaign's own seed, so a failure's seed alone repeats it.
    const seed = i === 0 ? options.seed : seedOfRun(options.seed, i)
    const [schedule] = fc.sample(arbitrary, { seed, numRuns: 1, unbiased: true })
    if (schedule === undefined) throw new Error('fast-check gave no schedule')
    const run = await simulateSchedule(subject, schedule, options)
    operations += run.history.operations.length
    transitions += run.transitions
    if (run.violations.length > 0) {
      const failure = await explain(subject, options, seed, i + 1, schedule, run.violations)
      return { runs: i + 1, operations, transitions, failure }
    }
    options.onRun?.(i + 1, transitions)
  }
  return { runs: options.runs, operations, transitions, failure: undefined }
}

async function explain(
  subject: Subject,
  options: CampaignOptions,
  seed: number,
  run: number,
  found: Schedule,
  foundViolations: readonly Violation[],
): Promise<Failure> {
  const giveUpAt = performance.now() + SHRINK_FOR_MS
  // Only violations of the same kind count: a smaller schedule that breaks something else shows another fault.
  const schedule = await shrinkSchedule(
    found,
    async smaller => {
      const smallerRun = await simulateSchedule(subject, smaller, options)
      return smallerRun.violations.some(({ rule }) => rule === foundViolations[0]?.rule)
    },
    () => performance.now() < giveUpAt,
  )
  const again = await simulateSchedule(subject, schedule, { ...options, keepsTrace: true })
  const { violations, history, trace } = again
  return { seed, run, schedule, violations, history, diagram: traceMermaid(trace) }
}

/** Formats all that is needed to repeat the failure, for a terminal: seed, violations, schedule, and trace as a diagram. */
export function formatFailure({ seed, run, schedule, violations, diagram }: Failure): string {
  return [
    `seed ${seed} (run ${run}) breaks ${violations.length === 1 ? 'a promise' : `${violations.length} promises`}:`,
    ...violations.map(violation => `  ${formatViolation(violation)}`),
    '',
    'The smallest schedule that does so:',
    formatSchedule(schedule),
    '```mermaid',
    `${diagram.trimEnd()}`,
    '```',
  ].join('\n')
}
