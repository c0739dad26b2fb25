/*
 * Engines on given stores, in real time: one engine for each store, as if each were a process. On two stores of one
 * Postgres these are two processes on one database. A process is killed by cutting it off: nothing that it does after
 * that arrives, and another process takes its place.
 */

import type { Engine } from '../../runtime/api.js'
import type { AuditStore } from '../../runtime/audit.js'
import { createEngine } from '../../runtime/engine.js'
import type { FaultPoint } from '../../runtime/faults.js'
import type { Store } from '../../runtime/ports.js'
import type { Delivery } from '../history.js'
import type { Answer, Question, Session, Target } from '../run.js'
import type { Schedule } from '../schedule/schedule.js'
import type { Subject } from '../subject.js'
import { answerOf, answerOfError, readFrom, sendTo } from './outcomes.js'
import { problemsOf } from './problems.js'

export interface StoresTargetOptions {
  readonly name: string
  /** Opens a connection for each process. A process that replaces a dead one gets another. */
  openStore(): Store
  readonly processes?: number
  /** Checks all stored data after a run, so its database must contain nothing else. */
  readonly audit?: AuditStore
}

/** The processes and the database run on one machine. */
const CLOCK_ERROR_MS = 50
const HISTORY_PAGE = 1_000

export function storesTarget(options: StoresTargetOptions): Target {
  return {
    name: options.name,
    clockErrorMs: CLOCK_ERROR_MS,
    async open(subject, schedule) {
      const session = new StoresSession(subject, options)
      await session.start(options.processes ?? schedule.nodes)
      return session
    },
  }
}

interface Process {
  readonly engine: Engine
  readonly store: Store
  readonly waiting: Set<(answer: Answer) => void>
  isAlive: boolean
  diesAt: FaultPoint | undefined
  restartMs: number
}

class StoresSession implements Session {
  readonly #subject: Subject
  readonly #options: StoresTargetOptions
  readonly #processes: Process[] = []
  readonly #opened: Process[] = []
  readonly #instances = new Set<string>()
  readonly #deliveries: Delivery[] = []
  readonly #restarts = new Set<Promise<void>>()
  #isOver = false

  constructor(subject: Subject, options: StoresTargetOptions) {
    this.#subject = subject
    this.#options = options
  }

  async start(processes: number): Promise<void> {
    for (let i = 0; i < processes; i++) this.#processes[i] = await this.#open(i)
  }

  nowMs(): number {
    return performance.now()
  }

  epochMs(): number {
    return performance.timeOrigin + performance.now()
  }

  sleep(ms: number): Promise<void> {
    return new Promise(resolve => setTimeout(resolve, ms))
  }

  create(question: Parameters<Session['create']>[0]): Promise<Answer> {
    const { actor, input } = question
    return this.#ask(question, async engine => {
      const made = await engine.create(this.#subject.definition.name, input, {
        actor: { id: actor, role: 'caller' },
      })
      if (made.kind === 'created') this.#instances.add(made.instance.id)
      return answerOf(made)
    })
  }

  send(question: Parameters<Session['send']>[0]): Promise<Answer> {
    return this.#ask(question, engine => sendTo(engine, question))
  }

  read(question: Question & { readonly instance: string }): Promise<Answer> {
    return this.#ask(question, engine => readFrom(engine, question.instance))
  }

  crash({ node, point, restartMs }: Extract<Schedule['steps'][number], { kind: 'crash' }>): void {
    const i = node % this.#processes.length
    const process = this.#processes[i]
    if (process === undefined || !process.isAlive) return
    process.restartMs = restartMs
    if (point === 'now') this.#die(i, process)
    else process.diesAt = point
  }

  async settle(): ReturnType<Session['settle']> {
    this.#isOver = true
    for (const process of this.#opened) process.diesAt = undefined
    await Promise.all(this.#restarts)
    // Live processes finish what they have begun. The work of dead ones is taken over by others, in its own time.
    const hasDied = this.#opened.some(process => !process.isAlive)
    await Promise.all(this.#opened.map(process => process.isAlive && process.engine.close()))
    const reader = this.#options.openStore()
    try {
      const journals = Object.fromEntries(
        await Promise.all([...this.#instances].map(async id => [id, await historyOf(reader, id)] as const)),
      )
      const problems =
        this.#options.audit === undefined ? [] : await problemsOf(this.#options.audit, this.#subject)
      // An earlier run on the same database may have left events, which are delivered now.
      const deliveries = this.#deliveries.filter(({ instance }) => this.#instances.has(instance))
      return { journals, problems, ...(hasDied ? {} : { deliveries }) }
    } finally {
      await reader.close()
    }
  }

  async close(): Promise<void> {
    for (const process of this.#opened) {
      if (process.isAlive) await process.engine.close()
      await process.store.close()
    }
  }

  async #open(i: number): Promise<Process> {
    const store = this.#options.openStore()
    const isAlive = () => process.isAlive
    const engine = createEngine({
      store: severable(store, isAlive),
      definitions: [this.#subject.definition],
      subscribers: [
        {
          name: 'recorder',
          wants: () => true,
          handle: ({ instance, version, index, type, payload }) => {
            if (isAlive()) this.#deliveries.push({ instance, version, index, type, payload })
          },
        },
      ],
      faults: point => {
        if (process.isAlive && process.diesAt === point) this.#die(i, process)
        if (!process.isAlive) return new Promise(() => {})
      },
    })
    const process: Process = {
      engine,
      store,
      waiting: new Set(),
      isAlive: true,
      diesAt: undefined,
      restartMs: 0,
    }
    this.#opened.push(process)
    await engine.start()
    return process
  }

  #die(i: number, process: Process): void {
    process.isAlive = false
    for (const tell of process.waiting) tell({ outcome: { kind: 'unknown', error: 'the process died' } })
    const restart = this.sleep(this.#isOver ? 0 : process.restartMs).then(async () => {
      this.#processes[i] = await this.#open(i)
    })
    this.#restarts.add(restart)
  }

  #ask({ node }: Question, work: (engine: Engine) => Promise<Answer>): Promise<Answer> {
    const all = this.#processes
    const process = all.map((_, i) => all[(node + i) % all.length]).find(one => one?.isAlive)
    if (process === undefined) {
      return Promise.resolve({ outcome: { kind: 'failed', error: 'no process lives' } })
    }
    return new Promise(resolve => {
      process.waiting.add(resolve)
      const tell = (answer: Answer) => {
        if (process.waiting.delete(resolve) && process.isAlive) resolve(answer)
      }
      work(process.engine).then(tell, error => tell(answerOfError(error)))
    })
  }
}

/** A store that accepts and answers nothing after its process is dead. */
function severable(store: Store, isAlive: () => boolean): Store {
  return new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        if (!isAlive()) return new Promise(() => {})
        const answer = Reflect.apply(method, target, args) as Promise<unknown>
        return answer.then(
          value => (isAlive() ? value : new Promise(() => {})),
          error => (isAlive() ? Promise.reject(error) : new Promise(() => {})),
        )
      }
    },
  })
}

async function historyOf(store: Store, id: string) {
  const entries: Awaited<ReturnType<Store['history']>>[number][] = []
  for (;;) {
    const page = await store.history(id, entries.length, HISTORY_PAGE)
    entries.push(...page)
    if (page.length < HISTORY_PAGE) return entries
  }
}
