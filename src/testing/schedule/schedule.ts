/*
 * A schedule says which caller sends what to which instance, when, and what dies meanwhile. It is plain JSON: a saved one
 * can be run again, by another process or on another target. The version of the format must be the same, because another
 * version would be run as something that it does not say.
 */
import { z } from 'zod'
import { FAULT_POINTS } from '../../runtime/faults.js'

export const SCHEDULE_FORMAT = 'loadcast-schedule'
/** Increase it when a saved schedule would be run as something else. */
export const SCHEDULE_VERSION = 1

/** A day. A longer delay is a typing error. */
const MAX_DELAY_MS = 86_400_000
const MAX_STEPS = 100_000
/** More nodes make a race slower, but not different. */
export const MAX_NODES = 16

const delayMs = z.number().min(0).max(MAX_DELAY_MS)
const index = z.int().min(0)
const event = z.looseObject({ type: z.string().min(1) })

const instance = z.strictObject({
  /** Milliseconds after the previous instance. */
  delayMs,
  node: index,
  input: z.record(z.string(), z.unknown()),
})

const send = z.strictObject({
  kind: z.literal('send'),
  /** Milliseconds after the previous step. 0 means the same instant. */
  delayMs,
  node: index,
  caller: index,
  instance: index,
  event,
  /** Steps that share a key are retries of one request, with the same caller, instance and event. */
  key: z.string().optional(),
  /** `seen` is the version that was last answered to any caller; `stale` is the one before it. */
  ifVersion: z.enum(['seen', 'stale']).optional(),
})

const read = z.strictObject({ kind: z.literal('read'), delayMs, node: index, caller: index, instance: index })

const crash = z.strictObject({
  kind: z.literal('crash'),
  delayMs,
  node: index,
  /** The process dies when it next reaches this point. `now` means at once. */
  point: z.enum(['now', ...FAULT_POINTS]),
  /** Another process takes its place after this long. */
  restartMs: delayMs,
})

/** Stops a process as a garbage collector or a hypervisor does: its leases expire, and it continues without noticing. */
const pause = z.strictObject({ kind: z.literal('pause'), delayMs, node: index, forMs: delayMs })

const schedule = z.strictObject({
  format: z.literal(SCHEDULE_FORMAT),
  version: z.literal(SCHEDULE_VERSION),
  machine: z.string(),
  definitionVersion: z.int(),
  /** Decides everything random: how long messages take, and which are lost. */
  seed: z.int(),
  nodes: z.int().min(1).max(MAX_NODES),
  instances: z.array(instance).min(1).max(MAX_STEPS),
  steps: z.array(z.discriminatedUnion('kind', [send, read, crash, pause])).max(MAX_STEPS),
})

export type Schedule = z.infer<typeof schedule>
export type ScheduleStep = Schedule['steps'][number]
export type SendStep = Extract<ScheduleStep, { kind: 'send' }>

/** The value is not a schedule, or cannot be run here. The message says what was expected. */
export class ScheduleError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ScheduleError'
  }
}

/** Parses a saved schedule from JSON text or a parsed value. Throws `ScheduleError`. */
export function parseSchedule(given: unknown): Schedule {
  let value = given
  if (typeof given === 'string') {
    try {
      value = JSON.parse(given)
    } catch (error) {
      throw new ScheduleError(`This is not JSON: ${error instanceof Error ? error.message : error}`)
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

/** The saved form has one line for each step, so that two schedules can be compared by eye. */
export function formatSchedule({ instances, steps, ...head }: Schedule): string {
  const lines = (items: readonly unknown[]) => items.map(item => `\n    ${JSON.stringify(item)}`).join(',')
  const list = (name: string, items: readonly unknown[]) =>
    `  "${name}": [${items.length === 0 ? '' : `${lines(items)}\n  `}]`
  const rest = Object.entries(head).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  )
  return `{\n${[...rest, list('instances', instances), list('steps', steps)].join(',\n')}\n}\n`
}
