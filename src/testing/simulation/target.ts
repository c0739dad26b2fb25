/*
 * The simulated system as a target of schedules: several engines on one database, in virtual time. It is deterministic: a
 * schedule contains its seed, so the same schedule gives the same history and the same trace.
 */
import type { Engine } from '../../runtime/api.js'
import type { Delivery, History } from '../history.js'
import type { Answer, Question, Session, Target } from '../run.js'
import type { Schedule } from '../schedule/schedule.js'
import type { Subject } from '../subject.js'
import { answerOf, answerOfError, readFrom, sendTo } from '../targets/outcomes.js'
import { problemsOf } from '../targets/problems.js'
import { type Alterations, SimulatedProcess } from './process.js'
import type { Trace } from './trace.js'
import { DEFAULT_MISHAPS, type Mishaps, World } from './world.js'

export interface SimulationOptions {
  readonly name?: string
  readonly mishaps?: Partial<Mishaps>
  readonly alterations?: Alterations
  readonly keepsTrace?: boolean
}

export interface SimulationTarget extends Target {
  /** The trace of the last run. */
  readonly trace: Trace | undefined
}

/** Longer than every lease and the sum of the first retries. Work that is not done by then is never done. */
const SETTLE_WITHIN_MS = 90_000
const SETTLE_STEP_MS = 1_000
const READY_LOOK_MS = 5
/** Once nothing goes wrong, timers fire within a few checks after their due time. */
const OVERDUE_MS = 5_000

export function simulationTarget(options: SimulationOptions = {}): SimulationTarget {
  let trace: Trace | undefined
  return {
    name: options.name ?? 'simulation',
    clockErrorMs: 50,
    get trace() {
      return trace
    },
    async open(subject, schedule) {
      const session = new SimulationSession(subject, schedule, options)
      trace = session.trace
      await session.ready()
      return session
    },
  }
}

export class SimulationSession implements Session {
  readonly #world: World
  readonly #subject: Subject
  readonly #processes: SimulatedProcess[]
  readonly #alterations: Alterations
  readonly #nodes: number
  readonly #starts = new Map<number, number>()
  readonly #restartMs = new Map<number, number>()
  readonly #running: Promise<void>
  readonly #commits: { instance: string; version: number; at: number }[] = []
  #startedMs = 0
  readonly #deliveries: Delivery[] = []
  /** Calls that wait for an answer of a process. They are answered when it dies. */
  readonly #waiting = new Map<SimulatedProcess, Set<(why: Answer) => void>>()
  #isCalm = false
  readonly #done: Promise<void>
  #finish: () => void = () => {}

  constructor(subject: Subject, schedule: Schedule, options: SimulationOptions) {
    this.#subject = subject
    this.#alterations = options.alterations ?? {}
    this.#nodes = schedule.nodes
    this.#world = new World({
      seed: schedule.seed,
      mishaps: { ...DEFAULT_MISHAPS, ...options.mishaps },
      keepsTrace: options.keepsTrace ?? false,
      onMoved: ({ row, journal }) => {
        for (const { version } of journal) {
          this.#commits.push({ instance: row.id, version, at: this.#world.time.now - this.#startedMs })
        }
      },
    })
    this.#processes = Array.from({ length: schedule.nodes }, (_, i) => this.#startProcess(i))
    this.#done = new Promise(resolve => {
      this.#finish = resolve
    })
    // Time runs by itself until the session is closed.
    this.#running = this.#world.time.runUntilDone(this.#done)
  }

  get trace(): Trace {
    return this.#world.trace
  }

  /** Resolves when all processes have started. */
  async ready(): Promise<void> {
    while (!this.#processes.every(process => process.isReady)) await this.sleep(READY_LOOK_MS)
    this.#startedMs = this.#world.time.now
  }

  nowMs(): number {
    return this.#world.time.now
  }

  epochMs(): number {
    return this.#world.epochMs()
  }

  sleep(ms: number): Promise<void> {
    return Promise.race([this.#world.time.sleep(ms), this.#running])
  }

  create(question: Parameters<Session['create']>[0]): Promise<Answer> {
    const { actor, input } = question
    const machine = this.#subject.definition.name
    return this.#ask(question, 'create', async engine =>
      answerOf(await engine.create(machine, input, { actor: { id: actor, role: 'caller' } })),
    )
  }

  send(question: Parameters<Session['send']>[0]): Promise<Answer> {
    const { event, instance } = question
    return this.#ask(question, `${event.type} ${instance.slice(-4)}`, engine => sendTo(engine, question))
  }

  read(question: Question & { readonly instance: string }): Promise<Answer> {
    return this.#ask(question, `read ${question.instance.slice(-4)}`, engine =>
      readFrom(engine, question.instance),
    )
  }

  crash({ node, point, restartMs }: Parameters<NonNullable<Session['crash']>>[0]): void {
    const process = this.#processes[node]
    if (process === undefined || this.#isCalm) return
    this.#restartMs.set(node, restartMs)
    if (point === 'now') process.die('now')
    else process.dieAt(point)
  }

  pause({ node, forMs }: Parameters<NonNullable<Session['pause']>>[0]): void {
    if (!this.#isCalm) this.#processes[node]?.pause(forMs)
  }

  async settle(): ReturnType<Session['settle']> {
    this.#isCalm = true
    this.#world.calm()
    for (const [i, process] of this.#processes.entries()) {
      process.dieAt(undefined)
      if (!process.isAlive) this.#processes[i] = this.#startProcess(i)
    }
    let waitedMs = 0
    do {
      await this.sleep(SETTLE_STEP_MS)
      waitedMs += SETTLE_STEP_MS
    } while (waitedMs < SETTLE_WITHIN_MS && this.#undone().length > 0)
    const journals: History['journals'] = Object.fromEntries(this.#world.database.tables.journal)
    return {
      journals,
      commits: this.#commits,
      deliveries: this.#deliveries,
      problems: [...this.#undone(), ...(await problemsOf(this.#world.database.auditStore, this.#subject))],
    }
  }

  async close(): Promise<void> {
    for (const process of this.#processes) process.isAlive = false
    this.#finish()
    await this.#running
  }

  #startProcess(i: number): SimulatedProcess {
    const start = this.#starts.get(i) ?? 0
    this.#starts.set(i, start + 1)
    const process: SimulatedProcess = new SimulatedProcess({
      world: this.#world,
      name: `node ${i}`,
      node: i,
      start,
      definition: this.#subject.definition,
      alterations: this.#alterations,
      // The last of several processes only handles commands, and has to wake the others.
      firesTimers: i === 0 || i < this.#nodes - 1,
      onDelivered: ({ instance, version, index, type, payload }) =>
        this.#deliveries.push({ instance, version, index, type, payload }),
      onDied: dead => this.#mourn(i, dead),
      onAnnounced: dueAt => {
        for (const other of this.#processes) {
          this.#world.time.after(this.#world.latencyMs(), () => other.wake(dueAt))
        }
      },
    })
    this.#waiting.set(process, new Set())
    process.start()
    return process
  }

  #mourn(i: number, dead: SimulatedProcess): void {
    const waiting = this.#waiting.get(dead)
    this.#waiting.delete(dead)
    for (const tell of waiting ?? []) {
      this.#world.time.after(this.#world.latencyMs(), () =>
        tell({ outcome: { kind: 'unknown', error: 'the process died' } }),
      )
    }
    this.#world.time.after(this.#restartMs.get(i) ?? 0, () => {
      if (this.#processes[i] !== dead) return
      this.#world.trace.note(dead.name, dead.name, 'is restarted')
      this.#processes[i] = this.#startProcess(i)
    })
  }

  /** Calls the intended process or, if it is not ready, the next one that is, as a load balancer does. */
  #ask({ node, actor }: Question, label: string, work: (engine: Engine) => Promise<Answer>): Promise<Answer> {
    const { time, trace } = this.#world
    return new Promise<Answer>(resolve => {
      time.after(this.#world.latencyMs(), () => {
        const all = this.#processes
        const process = all
          .map((_, i) => all[(node + i) % all.length])
          .find(one => one?.isAlive && one.isReady)
        if (process === undefined) {
          resolve({ outcome: { kind: 'failed', error: 'no process is ready' } })
          return
        }
        trace.note('callers', process.name, `${label} (${actor})`)
        const waiting = this.#waiting.get(process)
        waiting?.add(resolve)
        const tell = (answer: Answer) =>
          process.ifAlive(() => {
            waiting?.delete(resolve)
            trace.note(process.name, 'callers', describe(answer, actor))
            time.after(this.#world.latencyMs(), () => resolve(answer))
          })
        process.ifAlive(() => void work(process.engine).then(tell, error => tell(answerOfError(error))))
      })
    })
  }

  /** Overdue work: deliveries, and timers that are due. */
  #undone(): string[] {
    const { outbox, timers } = this.#world.database.tables
    const now = this.#world.epochMs()
    return [
      ...[...outbox.values()].map(
        ({ event }) => `event ${event.type} of ${event.instance} v${event.version} was not delivered`,
      ),
      ...[...timers.values()].flatMap(({ timer }) =>
        timer.dueAt < now - OVERDUE_MS ? [`timer ${timer.sendId} of ${timer.instance} did not fire`] : [],
      ),
    ]
  }
}

function describe({ outcome }: Answer, actor: string): string {
  const detail = 'reason' in outcome ? ` ${outcome.reason}` : 'error' in outcome ? ` ${outcome.error}` : ''
  const version = 'version' in outcome && outcome.version !== undefined ? ` v${outcome.version}` : ''
  return `${outcome.kind}${detail}${version} (${actor})`
}
