/*
 * Runs a schedule against a target and writes down what happened. The same for every target: what differs is what
 * time is, and who answers.
 */
import type { Command } from '../runtime/api.js'
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

/** An answer, with the snapshot that came with it, if one did. */
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

/** What a target has kept, once nothing is under way any more. */
export interface Aftermath {
  readonly journals?: History['journals']
  readonly commits?: History['commits']
  readonly deliveries?: readonly Delivery[]
  /** What the target found wrong by itself, in words. */
  readonly problems?: readonly string[]
}

/** One run on a target. Nothing of it throws for what the system under test does: that is an outcome. */
export interface Session {
  /** The time in which a run's calls and returns are noted: milliseconds, any origin, never going back. */
  nowMs(): number
  /** Milliseconds since the epoch. */
  epochMs(): number
  sleep(ms: number): Promise<void>
  create(question: Create): Promise<Answer>
  send(question: Send): Promise<Answer>
  read?(question: Read): Promise<Answer>
  /** Absent where processes cannot be made to die: such steps are then left out. */
  crash?(step: Extract<Schedule['steps'][number], { kind: 'crash' }>): void
  /** Likewise, where they cannot be made to stand still. */
  pause?(step: Extract<Schedule['steps'][number], { kind: 'pause' }>): void
  settle(): Promise<Aftermath>
  close(): Promise<void>
}

export interface Target {
  readonly name: string
  /** How far the clocks of those who answer may be from the session's. */
  readonly clockErrorMs: number
  open(subject: Subject, schedule: Schedule): Promise<Session>
}

export interface Run {
  readonly history: History
  readonly problems: readonly string[]
  /** Steps that the target could not carry out: crashes where nothing can be made to crash, say. */
  readonly skipped: number
}

/** Too little to matter and enough to tell two instants apart: what is noted later has a later time. */
const TICK_MS = 1e-6

/** Runs a schedule. Throws `ScheduleError` when it is not one for this subject. */
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
      // What is not known to be over may still take effect: it never returned.
      operation.returnedAt = answer.outcome.kind === 'unknown' ? null : now()
      operation.instance ??= answer.instance ?? null
      note(operation.instance, answer)
      onAnswer(answer)
    })
    // Waited for below; a target that fails before that must not end the process.
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
      ...(ifVersion === undefined ? {} : { ifVersion }),
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
    ...(kept.journals === undefined ? {} : { journals: kept.journals }),
    ...(kept.commits === undefined ? {} : { commits: kept.commits }),
    ...(kept.deliveries === undefined ? {} : { deliveries: [...kept.deliveries] }),
  }
  return { history, problems, skipped }
}
