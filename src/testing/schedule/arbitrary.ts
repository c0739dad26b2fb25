/*
 * Random schedules, weighted towards dangerous cases: several calls at the same instant on several nodes, instants around
 * deadlines, retries with the same key, outdated versions, and processes that die at the worst point. They shrink to
 * fewer steps, fewer nodes, less delay and no crash.
 */
import fc from 'fast-check'
import { FAULT_POINTS } from '../../runtime/faults.js'
import { defined } from '../../types/defined.js'
import type { Subject } from '../subject.js'
import {
  MAX_NODES,
  SCHEDULE_FORMAT,
  SCHEDULE_VERSION,
  type Schedule,
  ScheduleError,
  type ScheduleStep,
  type SendStep,
} from './schedule.js'

export interface ScheduleOptions {
  readonly nodes?: number
  readonly callers?: number
  readonly instances?: number
  /** The most steps. A burst counts as one. */
  readonly steps?: number
  /** The fewest steps. The default is none, so that a schedule can shrink to what matters. */
  readonly leastSteps?: number
  /** Whether processes die and are paused. */
  readonly crashes?: boolean
}

type Delay = { readonly kind: 'by'; readonly ms: number } | { readonly kind: 'at'; readonly ms: number }

/** A step that does not know yet which steps come before it. */
type Draft =
  | {
      readonly kind: 'sends'
      readonly delay: Delay
      readonly instance: number
      readonly sends: readonly (Pick<SendStep, 'node' | 'caller' | 'event'> &
        Pick<Partial<SendStep>, 'ifVersion'> & { readonly isKeyed: boolean })[]
    }
  /** Sends an earlier step again, with the same key. */
  | { readonly kind: 'retry'; readonly delay: Delay; readonly node: number; readonly back: number }
  | { readonly kind: 'read'; readonly delay: Delay; readonly node: number; readonly instance: number }
  | {
      readonly kind: 'crash'
      readonly delay: Delay
      readonly node: number
      readonly point: 'now' | (typeof FAULT_POINTS)[number]
      readonly restartMs: number
    }
  | { readonly kind: 'pause'; readonly delay: Delay; readonly node: number; readonly forMs: number }

/** Defaults: what three processes behind a load balancer see in one busy minute. */
const DEFAULTS = { nodes: 3, callers: 4, instances: 3, steps: 50, leastSteps: 0, crashes: true }
const MAX_BURST = 4
/** Longer than every lease, so other processes take over the work of a paused one. */
const LONGEST_PAUSE_MS = 12_000
/** How far a step may be from a moment, before or after it: close enough to race with it. */
const MOMENT_SPREAD_MS = 3

/** Random schedules for a subject. Throws `ScheduleError` if no schedule can meet the options. */
export function schedules(subject: Subject, options: ScheduleOptions = {}): fc.Arbitrary<Schedule> {
  const { nodes, callers, instances, steps, leastSteps, crashes } = { ...DEFAULTS, ...options }
  // A schedule with more nodes could not be saved and run again.
  if (nodes > MAX_NODES) throw new ScheduleError(`A schedule has at most ${MAX_NODES} nodes, not ${nodes}`)
  if (leastSteps > steps) {
    throw new ScheduleError(`At least ${leastSteps} steps are more than at most ${steps}`)
  }
  const node = fc.nat(nodes - 1)
  const draft = drafts(subject, { nodes, callers, instances, crashes })
  return fc
    .record({
      seed: fc.nat(),
      instances: fc.array(
        fc.record({ node, delayMs: weighted([3, 0], [1, 1], [1, 50]), input: subject.inputs }),
        { minLength: 1, maxLength: instances },
      ),
      drafts: fc.array(draft, { minLength: leastSteps, maxLength: steps, size: 'max' }),
    })
    .map(given => ({
      format: SCHEDULE_FORMAT,
      version: SCHEDULE_VERSION,
      machine: subject.definition.name,
      definitionVersion: subject.definition.version,
      seed: given.seed,
      nodes,
      instances: given.instances,
      steps: toSteps(given.drafts, given.instances.length),
    }))
}

/** One step, or one burst of steps. */
function drafts(
  subject: Subject,
  { nodes, callers, instances, crashes }: Omit<Required<ScheduleOptions>, 'steps' | 'leastSteps'>,
): fc.Arbitrary<Draft> {
  const node = fc.nat(nodes - 1)
  const instance = fc.nat(instances - 1)
  const delay = delays(subject.moments ?? [])
  const one = fc.record({
    node,
    caller: fc.nat(callers - 1),
    event: subject.commands,
    ifVersion: weighted<SendStep['ifVersion']>([8, undefined], [2, 'seen'], [1, 'stale']),
    isKeyed: weighted([2, false], [1, true]),
  })
  return fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constant('sends' as const),
        delay,
        instance,
        sends: fc.oneof(
          { weight: 2, arbitrary: fc.tuple(one) },
          { weight: 1, arbitrary: fc.array(one, { minLength: 1, maxLength: MAX_BURST }) },
        ),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('retry' as const), delay, node, back: fc.nat(8) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('read' as const), delay, node, instance }) },
    {
      weight: crashes ? 2 : 0,
      arbitrary: fc.record({
        kind: fc.constant('crash' as const),
        delay,
        node,
        point: fc.constantFrom('now' as const, ...FAULT_POINTS),
        restartMs: fc.integer({ min: 1, max: 3_000 }),
      }),
    },
    {
      weight: crashes ? 1 : 0,
      arbitrary: fc.record({
        kind: fc.constant('pause' as const),
        delay,
        node,
        forMs: fc.oneof(
          { weight: 5, arbitrary: fc.integer({ min: 1, max: 300 }) },
          { weight: 1, arbitrary: fc.integer({ min: 1, max: LONGEST_PAUSE_MS }) },
        ),
      }),
    },
  )
}

function weighted<T>(...choices: readonly (readonly [number, T])[]): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })))
}

function delays(moments: readonly number[]): fc.Arbitrary<Delay> {
  const by = (ms: fc.Arbitrary<number>) => fc.record({ kind: fc.constant('by' as const), ms })
  const around = fc
    .tuple(fc.constantFrom(0, ...moments), fc.integer({ min: -MOMENT_SPREAD_MS, max: MOMENT_SPREAD_MS }))
    .map(([moment, offset]) => ({ kind: 'at' as const, ms: Math.max(0, moment + offset) }))
  return fc.oneof(
    { weight: 6, arbitrary: by(fc.constant(0)) },
    { weight: 4, arbitrary: by(fc.nat(20)) },
    { weight: 2, arbitrary: by(fc.nat(1_000)) },
    { weight: moments.length === 0 ? 0 : 2, arbitrary: around },
  )
}

function toSteps(drafts: readonly Draft[], instances: number): ScheduleStep[] {
  const steps: ScheduleStep[] = []
  const sends: SendStep[] = []
  let elapsedMs = 0
  for (const [i, draft] of drafts.entries()) {
    const { kind, ms } = draft.delay
    const delayMs = kind === 'by' ? ms : Math.max(0, ms - elapsedMs)
    elapsedMs += delayMs
    switch (draft.kind) {
      case 'sends':
        for (const [j, { isKeyed, ifVersion, ...send }] of draft.sends.entries()) {
          const step: SendStep = {
            kind: 'send',
            delayMs: j === 0 ? delayMs : 0,
            instance: draft.instance % instances,
            ...send,
            ...(isKeyed ? { key: `key ${i}.${j}` } : {}),
            ...defined({ ifVersion }),
          }
          steps.push(step)
          if (isKeyed) sends.push(step)
        }
        break
      case 'retry': {
        const again = sends.at(-1 - (draft.back % Math.max(1, sends.length)))
        if (again !== undefined) steps.push({ ...again, delayMs, node: draft.node })
        break
      }
      case 'read':
        steps.push({
          kind: 'read',
          delayMs,
          node: draft.node,
          caller: 0,
          instance: draft.instance % instances,
        })
        break
      case 'crash': {
        const { node, point, restartMs } = draft
        steps.push({ kind: 'crash', delayMs, node, point, restartMs })
        break
      }
      case 'pause':
        steps.push({ kind: 'pause', delayMs, node: draft.node, forMs: draft.forMs })
    }
  }
  return steps
}
