/*
 * A database in memory with the semantics of the Postgres store, for tests and simulations. Every call is one statement:
 * it sees the tables as they are, changes them at once or not at all, and ends before the next one begins. Any number of
 * engines may share one database, which outlives all of them.
 */
import type { StateValue } from 'xstate'
import type { AuditStore } from '../../runtime/audit.js'
import { nameOfKey } from '../../runtime/commit/mailbox.js'
import type { DeadLetter } from '../../runtime/dead-letters.js'
import type {
  Held,
  HistoryPosition,
  InstancesToCheck,
  InstanceWrite,
  KnownVersion,
  LeasedDelivery,
  ProcessVersions,
  StoredInstance,
  StoredTimer,
  TimerFailure,
  TimerLease,
  TimerLeaseOptions,
  TimersOfInstance,
  WriteResult,
} from '../../runtime/ports.js'
import { compareTimers, earlierOf } from '../../runtime/timers/timer-order.js'
import type { DeliveryKey, IdempotencyKey, JournalEntry, TimerKey, UsedKey } from '../../runtime/types.js'
import { createAuditStore } from './audit-store.js'
import { commitTo, copy } from './commit.js'
import { deadLettersOf, drop, redrive } from './dead-letters.js'
import {
  createTables,
  deliveryName,
  type InstanceRow,
  type Tables,
  type TimerRow,
  timerName,
} from './tables.js'

export class MemoryDatabase {
  readonly tables: Tables = createTables()
  /** The input of `audit`. */
  readonly auditStore: AuditStore
  readonly #now: () => number
  #deadLetters = 0
  readonly #onMoved: (write: InstanceWrite) => void

  /**
   * `now` is the database's clock, in milliseconds since the epoch. `onMoved` is called for every applied write, in the
   * order of the writes.
   */
  constructor(now: () => number = Date.now, onMoved: (write: InstanceWrite) => void = () => {}) {
    this.#now = now
    this.#onMoved = onMoved
    this.auditStore = createAuditStore(this)
  }

  now(): number {
    return this.#now()
  }

  load(ids: readonly string[]): StoredInstance[] {
    return ids.flatMap(id => {
      const row = this.tables.instances.get(id)
      return row === undefined ? [] : [stored(row)]
    })
  }

  commit(writes: readonly InstanceWrite[], deliveryLeaseMs: number): readonly WriteResult[] {
    const results = commitTo(this.tables, writes, this.#now(), deliveryLeaseMs)
    for (const [i, write] of writes.entries()) if (results[i]?.kind === 'moved') this.#onMoved(write)
    return results
  }

  history(id: string, after: number, limit: number): readonly JournalEntry[] {
    const journal = this.tables.journal.get(id) ?? []
    return journal.slice(after, after + limit)
  }

  usedKeys(keys: readonly IdempotencyKey[]): readonly UsedKey[] {
    return keys.flatMap(key => this.tables.keys.get(nameOfKey(key)) ?? [])
  }

  /** The single server is never restored, so its history never changes. */
  position(): HistoryPosition {
    return { history: 'memory', offset: 0 }
  }

  leaseTimers(versions: readonly KnownVersion[], { limit, leaseMs, aheadMs }: TimerLeaseOptions): TimerLease {
    const now = this.#now()
    const ringing = [...this.tables.timers.values()].filter(({ timer }) => timer.parked === undefined)
    const due = ringing
      .filter(
        ({ timer, leasedUntil }) =>
          timer.dueAt <= now + aheadMs &&
          leasedUntil <= now &&
          this.#isKnown(timer.instance, versions, timer.machine),
      )
      .map(({ timer }) => timer)
      .sort(compareTimers)
      .slice(0, limit)
    for (const timer of due) {
      this.tables.timers.set(timerName(timer.instance, timer.sendId), { timer, leasedUntil: now + leaseMs })
    }
    const others = ringing.flatMap(({ timer }) => (due.includes(timer) || timer.attempts ? [] : [timer]))
    const timers = [...due, ...earlierOf(due, others)].sort(compareTimers)
    const later = ringing.flatMap(({ timer }) => (timer.dueAt > now + aheadMs ? [timer.dueAt] : []))
    return { timers, nextDueAt: later.length === 0 ? undefined : Math.min(...later) }
  }

  dueTimers(instance: string): StoredTimer[] {
    const now = this.#now()
    return this.#timerRowsOf(instance)
      .filter(({ timer, leasedUntil }) => {
        const isPostponed = timer.attempts !== undefined && leasedUntil > now
        return timer.parked === undefined && timer.dueAt <= now && !isPostponed
      })
      .map(({ timer }) => timer)
      .sort(compareTimers)
  }

  spendTimer(
    { instance, sendId, generation }: TimerKey,
    ignoredBy: Pick<StoredInstance, 'version' | 'updatedAt'>,
  ): void {
    const name = timerName(instance, sendId)
    const row = this.tables.instances.get(instance)
    const timer = this.tables.timers.get(name)?.timer
    if (timer?.generation !== generation || timer.parked !== undefined) return
    if (row?.version !== ignoredBy.version || row.updatedAt !== ignoredBy.updatedAt) return
    const isActive = (JSON.parse(row.snapshot) as { status?: unknown }).status === 'active'
    if (isActive) this.tables.timers.set(name, { timer: { ...timer, parked: 'spent' }, leasedUntil: 0 })
    else this.tables.timers.delete(name)
  }

  postponeTimer(key: TimerKey, { attempts }: TimerFailure, delayMs: number): boolean {
    const timer = this.#uncounted(key, attempts)
    if (timer === undefined) return false
    const row = { timer: { ...timer, attempts }, leasedUntil: this.#now() + delayMs }
    this.tables.timers.set(timerName(timer.instance, timer.sendId), row)
    return true
  }

  buryTimer(key: TimerKey, { attempts, error }: TimerFailure): boolean {
    const timer = this.#uncounted(key, attempts)
    if (timer === undefined) return false
    const dead = { id: ++this.#deadLetters, error, diedAt: this.#now() }
    const row = { timer: { ...timer, attempts, parked: 'dead' as const }, leasedUntil: 0, dead }
    this.tables.timers.set(timerName(timer.instance, timer.sendId), row)
    return true
  }

  #uncounted({ instance, sendId, generation }: TimerKey, attempts: number): StoredTimer | undefined {
    const timer = this.tables.timers.get(timerName(instance, sendId))?.timer
    const isSame = timer?.generation === generation && timer.parked === undefined
    return isSame && (timer.attempts ?? 0) < attempts ? timer : undefined
  }

  armTimers(instance: string, version: number, timers: readonly StoredTimer[]): number {
    if (this.tables.instances.get(instance)?.version !== version) return 0
    const missing = timers.filter(({ sendId }) => !this.tables.timers.has(timerName(instance, sendId)))
    for (const timer of missing) {
      this.tables.timers.set(timerName(instance, timer.sendId), { timer: copy(timer), leasedUntil: 0 })
    }
    return missing.length
  }

  /** Returns all instances at once, because a database in memory is small. */
  instancesToCheck(everyMs: number): InstancesToCheck | undefined {
    if ((this.tables.sweeps.get('timers') ?? 0) > this.#now()) return undefined
    this.tables.sweeps.set('timers', this.#now() + everyMs)
    return { ids: [...this.tables.instances.keys()], next: null }
  }

  timersOf(ids: readonly string[], versions: readonly KnownVersion[]): TimersOfInstance[] {
    return this.load(ids.filter(id => this.#isKnown(id, versions))).flatMap(row => {
      const { id: instance, machine, definitionVersion, version } = row
      const { status, value } = row.snapshot as { status: string; value: StateValue }
      const timers = this.allTimersOf(instance).map(({ sendId }) => sendId)
      return status === 'active' ? [{ instance, machine, definitionVersion, version, value, timers }] : []
    })
  }

  /** Parked timers included. */
  allTimersOf(instance: string): StoredTimer[] {
    return this.#timerRowsOf(instance).map(row => row.timer)
  }

  #timerRowsOf(instance: string): TimerRow[] {
    return [...this.tables.timers.values()].filter(({ timer }) => timer.instance === instance)
  }

  #isKnown(instance: string, versions: readonly KnownVersion[], machine?: string): boolean {
    const row = this.tables.instances.get(instance)
    if (row === undefined) return false
    const name = machine ?? row.machine
    return versions.some(known => known.machine === name && known.version === row.definitionVersion)
  }

  leaseDeliveries(
    subscribers: readonly string[],
    versions: readonly KnownVersion[],
    limit: number,
    leaseMs: number,
  ): readonly LeasedDelivery[] {
    const now = this.#now()
    const due = [...this.tables.outbox.values()]
      .filter(row => row.dueAt <= now && subscribers.includes(row.subscriber))
      .filter(({ event }) => this.#isKnown(event.instance, versions))
      .sort((a, b) => a.dueAt - b.dueAt)
      .slice(0, limit)
    for (const row of due) {
      this.tables.outbox.set(deliveryName({ ...row.event, ...row }), { ...row, dueAt: now + leaseMs })
    }
    return due
      .sort(
        ({ event: a }, { event: b }) =>
          a.instance.localeCompare(b.instance) || a.version - b.version || a.index - b.index,
      )
      .map(({ event, subscriber, attempts }) => ({ event, subscriber, attempts }))
  }

  /** Only notes the call: no client resumes here. */
  markLate(events: readonly Omit<DeliveryKey, 'subscriber'>[]): void {
    for (const { instance, version, index } of events) {
      this.tables.late.set(`${instance}:${version}:${index}`, this.#now())
    }
  }

  release({ timers, deliveries }: Held): void {
    for (const { instance, sendId, generation } of timers) {
      const row = this.tables.timers.get(timerName(instance, sendId))
      if (row?.timer.generation !== generation) continue
      this.tables.timers.set(timerName(instance, sendId), { ...row, leasedUntil: this.#now() })
    }
    for (const key of deliveries) {
      const row = this.tables.outbox.get(deliveryName(key))
      if (row !== undefined) this.tables.outbox.set(deliveryName(key), { ...row, dueAt: this.#now() })
    }
  }

  settleDeliveries(delivered: readonly DeliveryKey[]): void {
    for (const key of delivered) this.tables.outbox.delete(deliveryName(key))
  }

  retryDelivery(key: DeliveryKey, attempts: number, delayMs: number): void {
    const row = this.tables.outbox.get(deliveryName(key))
    if (row === undefined) return
    this.tables.outbox.set(deliveryName(key), { ...row, attempts, dueAt: this.#now() + delayMs })
  }

  buryDelivery(key: DeliveryKey, attempts: number, error: string): void {
    const row = this.tables.outbox.get(deliveryName(key))
    if (row === undefined) return
    this.tables.outbox.delete(deliveryName(key))
    const id = ++this.#deadLetters
    const { instance, version, index, subscriber } = key
    const { type } = row.event
    const letter = { id, instance, version, index, type, subscriber, attempts, error, diedAt: this.#now() }
    this.tables.deadLetters.set(id, { kind: 'delivery', ...letter, event: row.event })
  }

  deadLetters(before: number | undefined, limit: number): readonly DeadLetter[] {
    return deadLettersOf(this.tables, before, limit)
  }

  redrive(id: number): boolean {
    return redrive(this.tables, id, this.#now())
  }

  drop(id: number): boolean {
    return drop(this.tables, id)
  }

  announceProcess(process: ProcessVersions, leaseMs: number): ReadonlyMap<string, number> {
    const { processes, definitionVersions } = this.tables
    const now = this.#now()
    for (const [id, { aliveUntil }] of processes) if (aliveUntil < now) processes.delete(id)
    processes.set(process.id, { process, aliveUntil: now + leaseMs })
    const answer = new Map<string, number>()
    for (const machine of process.versions.keys()) {
      const known = [...processes.values()].flatMap(other => other.process.versions.get(machine) ?? [])
      const version = Math.max(definitionVersions.get(machine) ?? 0, Math.min(...known))
      definitionVersions.set(machine, version)
      answer.set(machine, version)
    }
    return answer
  }

  forgetProcess(id: string): void {
    this.tables.processes.delete(id)
  }
}

function stored({ snapshot, ...row }: InstanceRow): StoredInstance {
  return { ...row, snapshot: JSON.parse(snapshot) }
}
