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
import { type Schedule, ScheduleError, type ScheduleStep, type SendStep } from './schedule/schedule.js'
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
  const calls = new Calls(session)
  const ids: (string | undefined)[] = []
  for (const [i, { delayMs, node, input }] of schedule.instances.entries()) {
    if (delayMs > 0) await session.sleep(delayMs)
    calls.make(
      { kind: 'create', instance: null, node, event: { type: 'xstate.init', ...input } },
      actor => session.create({ actor, node, caller: i, input }),
      answer => {
        ids[i] = answer.instance
      },
    )
  }
  await calls.ended()
  let skipped = 0
  for (const step of schedule.steps) {
    if (step.delayMs > 0) await session.sleep(step.delayMs)
    if (!take(step, session, subject, calls, ids)) skipped++
  }
  await calls.ended()
  const { problems = [], ...kept } = await session.settle()
  const history: History = {
    format: HISTORY_FORMAT,
    version: HISTORY_VERSION,
    target: target.name,
    machine: subject.definition.name,
    definitionVersion: subject.definition.version,
    startedAt: calls.startedAt,
    clockErrorMs: target.clockErrorMs,
    operations: calls.operations,
    ...defined({
      journals: kept.journals,
      commits: kept.commits,
      deliveries: kept.deliveries && [...kept.deliveries],
    }),
  }
  return { history, problems, skipped }
}

/** The calls of one run, recorded. */
class Calls {
  readonly startedAt: number
  readonly operations: Operation[] = []
  readonly #session: Session
  readonly #origin: number
  readonly #underWay: Promise<void>[] = []
  /** The newest version of each instance that an answer told of. */
  readonly #seen = new Map<string, { version: number; snapshot: unknown }>()
  #latest = 0

  constructor(session: Session) {
    this.startedAt = session.epochMs()
    this.#session = session
    this.#origin = session.nowMs()
  }

  make(
    given: Pick<Operation, 'kind' | 'instance' | 'event'> & Partial<Operation>,
    send: (actor: string) => Promise<Answer>,
    onAnswer: (answer: Answer) => void = () => {},
  ): void {
    const id = this.operations.length
    const actor = `operation ${id}`
    const operation: Operation = {
      id,
      actor,
      calledAt: this.#now(),
      returnedAt: null,
      outcome: { kind: 'unknown', error: 'never answered' },
      ...given,
    }
    this.operations.push(operation)
    const done = send(actor).then(answer => {
      operation.outcome = answer.outcome
      // An operation with an unknown outcome may still take effect, so it has not returned.
      operation.returnedAt = answer.outcome.kind === 'unknown' ? null : this.#now()
      operation.instance ??= answer.instance ?? null
      this.#note(operation.instance, answer)
      onAnswer(answer)
    })
    // It is awaited by `ended`. If the target fails before that, the rejection must not end the process.
    done.catch(() => {})
    this.#underWay.push(done)
  }

  seen(instance: string): { readonly version: number; readonly snapshot: unknown } | undefined {
    return this.#seen.get(instance)
  }

  async ended(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  #now(): number {
    this.#latest = Math.max(this.#session.nowMs() - this.#origin, this.#latest + TICK_MS)
    return this.#latest
  }

  #note(instance: string | null, { outcome, seen: snapshot }: Answer): void {
    const version = 'version' in outcome ? outcome.version : undefined
    if (instance === null || version === undefined) return
    const known = this.#seen.get(instance)
    if (known !== undefined && known.version > version) return
    this.#seen.set(instance, { version, snapshot: snapshot ?? known?.snapshot })
  }
}

/** False if the target cannot carry the step out, or if its instance was never created. */
function take(
  step: ScheduleStep,
  session: Session,
  subject: Subject,
  calls: Calls,
  ids: readonly (string | undefined)[],
): boolean {
  switch (step.kind) {
    case 'send': {
      const instance = ids[step.instance]
      return instance !== undefined && send(step, instance, session, subject, calls)
    }
    case 'pause':
      session.pause?.(step)
      return session.pause !== undefined
    case 'crash':
      session.crash?.(step)
      return session.crash !== undefined
    case 'read': {
      const instance = ids[step.instance]
      const read = session.read?.bind(session)
      if (read === undefined || instance === undefined) return false
      const { node, caller } = step
      calls.make({ kind: 'read', instance, node, event: { type: 'read' } }, actor =>
        read({ actor, node, caller, instance }),
      )
      return true
    }
  }
}

/** False if the subject has no such event now. */
function send(step: SendStep, instance: string, session: Session, subject: Subject, calls: Calls): boolean {
  const known = calls.seen(instance)
  const event = subject.complete === undefined ? step.event : subject.complete(step.event, known?.snapshot)
  if (event === undefined) return false
  const base = known?.version ?? 1
  const ifVersion =
    step.ifVersion === undefined ? undefined : Math.max(1, step.ifVersion === 'seen' ? base : base - 1)
  const { node, caller, key } = step
  const optional = defined({
    ifVersion,
    key: key === undefined ? undefined : `caller ${caller}: ${key}`,
  })
  calls.make({ kind: 'send', instance, node, event, ...optional }, actor =>
    session.send({ actor, node, caller, instance, event, ifVersion, key }),
  )
  return true
}
