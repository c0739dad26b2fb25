/*
 * A schedule says who sends what to which instance, when, and what dies meanwhile. It is plain JSON: saved, it can be
 * run again, by another process, on another target. Of the same version of the format alone: another one would be
 * run as something that it does not say.
 */
import { z } from 'zod'
import { FAULT_POINTS } from '../../runtime/faults.js'

export const SCHEDULE_FORMAT = 'loadcast-schedule'
/** Raised when a schedule that was saved before would be run as something else. */
export const SCHEDULE_VERSION = 1

/** A day: a delay beyond it is a slip of the pen. */
const MAX_DELAY_MS = 86_400_000
const MAX_STEPS = 100_000
/** More are no other race, only a slower one. */
export const MAX_NODES = 16

const delayMs = z.number().min(0).max(MAX_DELAY_MS)
const index = z.int().min(0)
const event = z.looseObject({ type: z.string().min(1) })

const instance = z.strictObject({
  /** Milliseconds after the one before. */
  delayMs,
  node: index,
  input: z.record(z.string(), z.unknown()),
})

const send = z.strictObject({
  kind: z.literal('send'),
  /** Milliseconds after the step before it; 0 is the same instant. */
  delayMs,
  node: index,
  caller: index,
  instance: index,
  event,
  /** Steps that share a key are retries of one request: they have the same caller, instance and event. */
  key: z.string().optional(),
  /** `seen`: the version that was last answered to anybody; `stale`: the one before it. */
  ifVersion: z.enum(['seen', 'stale']).optional(),
})

const read = z.strictObject({ kind: z.literal('read'), delayMs, node: index, caller: index, instance: index })

const crash = z.strictObject({
  kind: z.literal('crash'),
  delayMs,
  node: index,
  /** It dies when it next comes to this point; `now` at once. */
  point: z.enum(['now', ...FAULT_POINTS]),
  /** Another process takes its place this long after. */
  restartMs: delayMs,
})

/** Stands still, as under a collector or a hypervisor: its leases run out, and it goes on as if nothing had been. */
const pause = z.strictObject({ kind: z.literal('pause'), delayMs, node: index, forMs: delayMs })

const schedule = z.strictObject({
  format: z.literal(SCHEDULE_FORMAT),
  version: z.literal(SCHEDULE_VERSION),
  machine: z.string(),
  definitionVersion: z.int(),
  /** Of all that is left to chance: how long messages take, which are lost. */
  seed: z.int(),
  nodes: z.int().min(1).max(MAX_NODES),
  instances: z.array(instance).min(1).max(MAX_STEPS),
  steps: z.array(z.discriminatedUnion('kind', [send, read, crash, pause])).max(MAX_STEPS),
})

export type Schedule = z.infer<typeof schedule>
export type ScheduleStep = Schedule['steps'][number]
export type SendStep = Extract<ScheduleStep, { kind: 'send' }>

/** Not a schedule, or not one that can be run here. The message says what was expected. */
export class ScheduleError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ScheduleError'
  }
}

/** A saved schedule, from JSON text or what it was parsed to. Throws `ScheduleError`. */
export function parseSchedule(given: unknown): Schedule {
  let value = given
  if (typeof given === 'string') {
    try {
      value = JSON.parse(given)
    } catch (error) {
      throw new ScheduleError(`This is no JSON: ${error instanceof Error ? error.message : error}`)
    }
  }
  const { format, version } = (value ?? {}) as { format?: unknown; version?: unknown }
  if (format !== SCHEDULE_FORMAT) {
    throw new ScheduleError(`Expected a "format" of "${SCHEDULE_FORMAT}", not ${JSON.stringify(format)}`)
  }
  if (version !== SCHEDULE_VERSION) {
    throw new ScheduleError(
      `This schedule has version ${JSON.stringify(version)} of the format; this kit runs version ${SCHEDULE_VERSION}`,
    )
  }
  const result = schedule.safeParse(value)
  if (!result.success) {
    const problems = result.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`)
    throw new ScheduleError(`This schedule cannot be run:\n- ${problems.join('\n- ')}`)
  }
  assertWithin(result.data)
  return result.data
}

function assertWithin({ instances, steps, nodes }: Schedule): void {
  for (const [i, step] of [...instances, ...steps].entries()) {
    if (step.node >= nodes) {
      throw new ScheduleError(`Entry ${i} names node ${step.node}; there are ${nodes}, from 0`)
    }
  }
  for (const [i, step] of steps.entries()) {
    if ('instance' in step && step.instance >= instances.length) {
      throw new ScheduleError(
        `steps.${i} names instance ${step.instance}; there are ${instances.length}, from 0`,
      )
    }
  }
}

/** As it is saved: one line a step, so that two of them can be compared by eye. */
export function formatSchedule({ instances, steps, ...head }: Schedule): string {
  const lines = (items: readonly unknown[]) => items.map(item => `\n    ${JSON.stringify(item)}`).join(',')
  const list = (name: string, items: readonly unknown[]) =>
    `  "${name}": [${items.length === 0 ? '' : `${lines(items)}\n  `}]`
  const rest = Object.entries(head).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  )
  return `{\n${[...rest, list('instances', instances), list('steps', steps)].join(',\n')}\n}\n`
}
