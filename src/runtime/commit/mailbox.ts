/* The in-process queue of one instance: events that wait to be decided, urgent ones first. */
import type { StampedEvent } from '../definition.js'
import type { InstanceWrite, StoredTimer } from '../ports.js'
import type { Span } from '../telemetry.js'
import { compareTimers } from '../timers/timer-order.js'
import type {
  Actor,
  CreateOutcome,
  IdempotencyKey,
  Limited,
  Outcome,
  OwnerLimit,
  Precondition,
  Replayed,
  UsedKey,
} from '../types.js'

interface PendingBase {
  readonly uid: string
  readonly actor: Actor
  /** The monotonic time of its arrival. A refusal must rest on a read or commit that began later. */
  readonly arrivedAt: number
  /** The span that its commit belongs to. */
  readonly span?: Span | undefined
  /** The number of lost races so far. */
  attempts: number
  fail(error: unknown): void
}

export interface PendingCreate extends PendingBase {
  readonly kind: 'create'
  readonly machine: string
  readonly input: object
  readonly key: IdempotencyKey | undefined
  readonly limits: readonly OwnerLimit[]
  settle(outcome: CreateOutcome | Replayed | Limited): void
}

export interface PendingCommand extends PendingBase {
  readonly kind: 'command'
  readonly event: Omit<StampedEvent, 'at' | 'uid'> & { readonly type: string }
  readonly isUrgent: boolean
  readonly ifVersion: number | undefined
  readonly key: IdempotencyKey | undefined
  readonly preconditions: readonly Precondition[]
  settle(outcome: Outcome | Replayed): void
}

export interface PendingTimer extends PendingBase {
  readonly kind: 'timer'
  readonly event: { readonly type: string } & Record<string, unknown>
  readonly dueAt: number
  /** As in `StoredTimer`. */
  readonly ordinal?: number | undefined
  readonly gate: { readonly sendId: string; readonly generation: number }
  settle(): void
}

export type Pending = PendingCreate | PendingCommand | PendingTimer

/** `at`: the monotonic time when the commit began that found it so. It counts for events that arrived before. */
export interface Blocked {
  readonly holder: string
  readonly at: number
}

/** Shared, because most mailboxes never have any. */
const NO_TIMERS: ReadonlyMap<string, StoredTimer> = new Map()
const NONE_UNMET: ReadonlyMap<string, number> = new Map()

export class Mailbox {
  readonly id: string
  /**
   * Keys that other instances hold, as found by commits since the snapshot last changed. They accumulate: after one
   * event is refused, the next may need another key, and if the first key were forgotten the two would alternate for
   * ever.
   */
  readonly blocked = new Map<string, Blocked>()
  #unmet: ReadonlyMap<string, number> = NONE_UNMET
  /** Idempotency keys that the last commit found used, by name. */
  used: ReadonlyMap<string, UsedKey> = new Map()
  /**
   * Timers armed by commits while events were queued here, or read after a lost race. They may fire before a queued timer.
   */
  armed: ReadonlyMap<string, StoredTimer> = NO_TIMERS
  /** How many events one evaluation may take. It is lower while an event that cannot be written is searched for. */
  burstLimit: number
  #queue: Pending[] = []
  #isInDoubt = false

  constructor(id: string, burstLimit: number) {
    this.id = id
    this.burstLimit = burstLimit
  }

  get length(): number {
    return this.#queue.length
  }

  /** Its first event creates the instance: there is nothing to read. */
  get isNew(): boolean {
    return this.#queue[0]?.kind === 'create'
  }

  /** The machine of the instance to be created. */
  get firstMachine(): string {
    const first = this.#queue[0]
    return first?.kind === 'create' ? first.machine : ''
  }

  /** The monotonic time when the first waiting event arrived. */
  get waitsSince(): number | undefined {
    return this.#queue[0]?.arrivedAt
  }

  /** Returns the queued timers that have fired, or were removed or armed again, in this write: they are void. */
  hasMoved({
    timersRemoved,
    timersSet,
    isFinished,
    row: { version },
  }: Pick<InstanceWrite, 'timersRemoved' | 'timersSet' | 'isFinished' | 'row'>): readonly PendingTimer[] {
    this.forgetObstacles()
    this.used = new Map()
    if (this.#queue.length === 0) return [] // no queued event could come before them
    const armed = new Map(isFinished ? NO_TIMERS : this.armed)
    for (const sendId of timersRemoved) armed.delete(sendId)
    for (const timer of timersSet) {
      if (timer.parked === undefined) armed.set(timer.sendId, timer)
      else armed.delete(timer.sendId)
    }
    this.armed = armed
    const removed = new Set(timersRemoved)
    const isVoid = ({ gate }: PendingTimer) =>
      gate.generation <= version && (isFinished || removed.has(gate.sendId) || this.isReplaced(gate))
    const voided = this.#queue.filter(isTimer).filter(isVoid)
    if (voided.length > 0) this.#queue = this.#queue.filter(pending => !(isTimer(pending) && isVoid(pending)))
    return voided
  }

  /** A commit of this process has armed the timer again. */
  isReplaced({ sendId, generation }: PendingTimer['gate']): boolean {
    const armed = this.armed.get(sendId)
    return armed !== undefined && armed.generation > generation
  }

  /** Forgets the armed timers, so that a queued timer is decided without those before it. */
  forgetArmed(): void {
    this.armed = NO_TIMERS
  }

  /** Another process may have changed the timers: before a queued one is decided, they have to be read. */
  doubtArmed(): void {
    this.armed = NO_TIMERS
    this.#isInDoubt = true
  }

  get mustReadTimers(): boolean {
    return this.#isInDoubt && this.#queue.some(isTimer)
  }

  /** `due`: the instance's due timers, as just read. */
  noteDue(due: readonly StoredTimer[]): void {
    this.armed = new Map(due.map(timer => [timer.sendId, timer]))
    this.#isInDoubt = false
  }

  /** Clears what blocked events under the old snapshot: they are decided anew. */
  forgetObstacles(): void {
    this.blocked.clear()
    this.#unmet = NONE_UNMET
  }

  /** `at`: as in `Blocked`. Unmet preconditions accumulate too. */
  noteUnmet(preconditions: readonly Precondition[], at: number): void {
    this.#unmet = new Map([
      ...this.#unmet,
      ...preconditions.map(one => [nameOfPrecondition(one), at] as const),
    ])
  }

  /** A precondition that was found unmet by a commit which began after the event arrived. */
  findUnmet({ preconditions, arrivedAt }: PendingCommand): Precondition | undefined {
    if (this.#unmet.size === 0) return undefined
    return preconditions.find(
      one => arrivedAt <= (this.#unmet.get(nameOfPrecondition(one)) ?? Number.NEGATIVE_INFINITY),
    )
  }

  push(pending: Pending): void {
    this.#queue.push(pending)
  }

  /**
   * Takes up to `burstLimit` events: urgent ones first, then in order of arrival. Timers are sorted among the places of
   * those that have arrived, because several polls may have leased them.
   */
  take(): Pending[] {
    const urgent = this.#queue.filter(isUrgent)
    if (urgent.length > 0) this.#queue = [...urgent, ...this.#queue.filter(p => !isUrgent(p))]
    this.#sortTimers()
    return this.#queue.splice(0, this.burstLimit)
  }

  #sortTimers(): void {
    const timers = this.#queue.filter(isTimer)
    if (timers.length < 2) return
    const inOrder = timers.map(timer => ({ timer, ...orderOf(timer) })).sort(compareTimers)
    let next = 0
    this.#queue = this.#queue.map(pending =>
      isTimer(pending) ? (inOrder[next++]?.timer ?? pending) : pending,
    )
  }

  /** Takes the callers that have waited since before `time`, a monotonic time: they have given up. */
  takeOlderThan(time: number): Pending[] {
    const isOld = (p: Pending) => p.kind !== 'timer' && p.arrivedAt < time
    if (!this.#queue.some(isOld)) return []
    const old = this.#queue.filter(isOld)
    this.#queue = this.#queue.filter(p => !isOld(p))
    return old
  }

  /** Puts back events that were taken. They are evaluated again before later ones. */
  putBack(taken: readonly Pending[]): void {
    this.#queue = [...taken, ...this.#queue]
  }

  takeAll(): Pending[] {
    return this.#queue.splice(0)
  }
}

/** A key within its scope, as one string. */
export function nameOfKey({ scope, key }: IdempotencyKey): string {
  return `${scope} ${key}`
}

function nameOfPrecondition({ table, row, isThere }: Precondition): string {
  return JSON.stringify([table, isThere, Object.entries(row)])
}

/** What decides its place among the timers of its instance. */
export function orderOf({ dueAt, ordinal, gate }: PendingTimer) {
  return { dueAt, ordinal, generation: gate.generation }
}

const isTimer = (pending: Pending): pending is PendingTimer => pending.kind === 'timer'

function isUrgent(pending: Pending): boolean {
  return pending.kind === 'command' && pending.isUrgent
}
