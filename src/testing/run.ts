/*
 * Runs a schedule against a target and records what happened. It is the same for all targets: they differ in their time
 * and in the system that answers.
 */
import type { Command } from '../runtime/api.js'
import { defined } from '../types/defined.js'
import {
  type Delivery,
  HISTORY_FORMAT,
  HISTORY_VERSION,
  type History,
  type Operation,
  type OperationOutcome,
} from './history.js'
import { type Schedule, ScheduleError, type SendStep } from './schedule/schedule.js'
import type { Subject } from './subject.js'

/** An answer, with the snapshot that it contained, if any. */
export interface Answer {
  readonly outcome: OperationOutcome
  /** The instance that was created. */
  readonly instance?: string
  readonly seen?: unknown
}

export interface Question {
  readonly actor: string
  readonly node: number
  readonly caller: number
}

export interface Create extends Question {
  readonly input: Readonly<Record<string, unknown>>
}

export interface Send extends Question {
  readonly instance: string
  readonly event: Command
  readonly ifVersion: number | undefined
  readonly key: string | undefined
}

export interface Read extends Question {
  readonly instance: string
}

/** The data that a target stored, after everything in progress has ended. */
export interface Aftermath {
  readonly journals?: History['journals']
  readonly commits?: History['commits']
  readonly deliveries?: readonly Delivery[]
  /** The problems that the target itself found, as sentences. */
  readonly problems?: readonly string[]
}

/** One run on a target. Failures of the system under test are outcomes and never exceptions. */
export interface Session {
  /** The clock for a run's calls and returns: milliseconds, of any origin, never going back. */
  nowMs(): number
  /** Milliseconds since the epoch. */
  epochMs(): number
  sleep(ms: number): Promise<void>
  create(question: Create): Promise<Answer>
  send(question: Send): Promise<Answer>
  read?(question: Read): Promise<Answer>
  /** Absent if processes cannot be killed. Such steps are skipped then. */
  crash?(step: Extract<Schedule['steps'][number], { kind: 'crash' }>): void
  /** Absent if processes cannot be paused. Such steps are skipped then. */
  pause?(step: Extract<Schedule['steps'][number], { kind: 'pause' }>): void
  settle(): Promise<Aftermath>
  close(): Promise<void>
}

export interface Target {
  readonly name: string
  /** The largest difference between the session's clock and those of the system that answers. */
  readonly clockErrorMs: number
  open(subject: Subject, schedule: Schedule): Promise<Session>
}

export interface Run {
  readonly history: History
  readonly problems: readonly string[]
  /** Number of steps that the target could not carry out, such as crashes if nothing can be made to crash. */
  readonly skipped: number
}

/** Small enough not to matter, but enough to tell two instants apart: later notes have later times. */
const TICK_MS = 1e-6

/** Runs a schedule. Throws `ScheduleError` if it is for another definition or version. */
export async function replay(target: Target, subject: Subject, schedule: Schedule): Promise<Run> {
  const { name, version } = subject.definition
  if (schedule.machine !== name || schedule.definitionVersion !== version) {
    throw new ScheduleError(
      `This schedule is for version ${schedule.definitionVersion} of "${schedule.machine}", not version ${version} of "${name}"`,
    )
  }
  const session = await target.open(subject, schedule)
  try {
    return await drive(target, session, subject, schedule)
  } finally {
    await session.close()
  }
}

async function drive(target: Target, session: Session, subject: Subject, schedule: Schedule): Promise<Run> {
  const startedAt = session.epochMs()
  const origin = session.nowMs()
  const operations: Operation[] = []
  const ids: (string | undefined)[] = []
  const seen = new Map<string, { version: number; snapshot: unknown }>()
  const underWay: Promise<void>[] = []
  let latest = 0
  let skipped = 0
  const now = () => {
    latest = Math.max(session.nowMs() - origin, latest + TICK_MS)
    return latest
  }

  function ask(
    given: Pick<Operation, 'kind' | 'instance' | 'event'> & Partial<Operation>,
    send: (actor: string) => Promise<Answer>,
    onAnswer: (answer: Answer) => void = () => {},
  ): void {
    const id = operations.length
    const actor = `operation ${id}`
    const operation: Operation = {
      id,
      actor,
      calledAt: now(),
      returnedAt: null,
      outcome: { kind: 'unknown', error: 'never answered' },
      ...given,
    }
    operations.push(operation)
    const done = send(actor).then(answer => {
      operation.outcome = answer.outcome
      // An operation with an unknown outcome may still take effect, so it has not returned.
      operation.returnedAt = answer.outcome.kind === 'unknown' ? null : now()
      operation.instance ??= answer.instance ?? null
      note(operation.instance, answer)
      onAnswer(answer)
    })
    // It is awaited below. If the target fails before that, the rejection must not end the process.
    done.catch(() => {})
    underWay.push(done)
  }

  function note(instance: string | null, { outcome, seen: snapshot }: Answer): void {
    const version = 'version' in outcome ? outcome.version : undefined
    if (instance === null || version === undefined) return
    const known = seen.get(instance)
    if (known !== undefined && known.version > version) return
    seen.set(instance, { version, snapshot: snapshot ?? known?.snapshot })
  }

  function send(step: SendStep): void {
    const instance = ids[step.instance]
    const known = instance === undefined ? undefined : seen.get(instance)
    const event = subject.complete === undefined ? step.event : subject.complete(step.event, known?.snapshot)
    if (instance === undefined || event === undefined) {
      skipped++
      return
    }
    const base = known?.version ?? 1
    const ifVersion =
      step.ifVersion === undefined ? undefined : Math.max(1, step.ifVersion === 'seen' ? base : base - 1)
    const { node, caller, key } = step
    const optional = {
      ...defined({ ifVersion }),
      ...(key === undefined ? {} : { key: `caller ${caller}: ${key}` }),
    }
    ask({ kind: 'send', instance, node, event, ...optional }, actor =>
      session.send({ actor, node, caller, instance, event, ifVersion, key }),
    )
  }

  for (const [i, { delayMs, node, input }] of schedule.instances.entries()) {
    if (delayMs > 0) await session.sleep(delayMs)
    ask(
      { kind: 'create', instance: null, node, event: { type: 'xstate.init', ...input } },
      actor => session.create({ actor, node, caller: i, input }),
      answer => {
        ids[i] = answer.instance
      },
    )
  }
  await Promise.all(underWay)
  for (const step of schedule.steps) {
    if (step.delayMs > 0) await session.sleep(step.delayMs)
    if (step.kind === 'send') send(step)
    else if (step.kind === 'pause') {
      if (session.pause === undefined) skipped++
      else session.pause(step)
    } else if (step.kind === 'crash') {
      if (session.crash === undefined) skipped++
      else session.crash(step)
    } else {
      const instance = ids[step.instance]
      const look = session.read?.bind(session)
      if (look === undefined || instance === undefined) skipped++
      else {
        const { node, caller } = step
        ask({ kind: 'read', instance, node, event: { type: 'read' } }, actor =>
          look({ actor, node, caller, instance }),
        )
      }
    }
  }
  await Promise.all(underWay)
  const { problems = [], ...kept } = await session.settle()
  const history: History = {
    format: HISTORY_FORMAT,
    version: HISTORY_VERSION,
    target: target.name,
    machine: subject.definition.name,
    definitionVersion: subject.definition.version,
    startedAt,
    clockErrorMs: target.clockErrorMs,
    operations,
    ...defined({ journals: kept.journals, commits: kept.commits }),
    ...(kept.deliveries === undefined ? {} : { deliveries: [...kept.deliveries] }),
  }
  return { history, problems, skipped }
}
