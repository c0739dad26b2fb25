/* The tables of the database in memory: those of the migrations, as maps. Rows are replaced, never changed. */

import type { DeadDelivery, DeadTimer } from '../../runtime/dead-letters.js'
import type { ProcessVersions, StoredInstance, StoredTimer } from '../../runtime/ports.js'
import type { EmittedEvent, JournalEntry, UsedKey } from '../../runtime/types.js'

/** A stored row. The snapshot is text, so no reference can change it. */
export type InstanceRow = Omit<StoredInstance, 'snapshot'> & { readonly snapshot: string }

export interface TimerRow {
  readonly timer: StoredTimer
  readonly leasedUntil: number
  /** Present while the timer is a dead letter. */
  readonly dead?: Pick<DeadTimer, 'id' | 'error' | 'diedAt'>
}

export interface OutboxRow {
  readonly event: EmittedEvent
  readonly subscriber: string
  readonly attempts: number
  readonly dueAt: number
}

export interface Tables {
  readonly instances: Map<string, InstanceRow>
  /** By instance. Entry i has version i + 1. */
  readonly journal: Map<string, JournalEntry[]>
  readonly events: Map<string, EmittedEvent[]>
  readonly outbox: Map<string, OutboxRow>
  /** By `timerName`. */
  readonly timers: Map<string, TimerRow>
  /** Key → instance. */
  readonly claims: Map<string, string>
  /** By `nameOfKey`. */
  readonly keys: Map<string, UsedKey>
  /** Table → id → row, with `instance` and `version`. */
  readonly projections: Map<string, Map<unknown, Readonly<Record<string, unknown>>>>
  readonly processes: Map<string, { readonly process: ProcessVersions; readonly aliveUntil: number }>
  /** Machine → the version in which its instances are written. */
  readonly definitionVersions: Map<string, number>
  /** When an event's delivery was marked as late, by `instance:version:index`. */
  readonly late: Map<string, number>
  /** For work that one process does for all: when it is due again. */
  readonly sweeps: Map<string, number>
  readonly deadLetters: Map<number, DeadDelivery & { readonly event: EmittedEvent }>
}

export const createTables = (): Tables => ({
  instances: new Map(),
  journal: new Map(),
  events: new Map(),
  outbox: new Map(),
  timers: new Map(),
  claims: new Map(),
  keys: new Map(),
  projections: new Map(),
  processes: new Map(),
  definitionVersions: new Map(),
  late: new Map(),
  sweeps: new Map(),
  deadLetters: new Map(),
})

export const timerName = (instance: string, sendId: string) => `${instance} ${sendId}`

export const deliveryName = (key: {
  readonly instance: string
  readonly version: number
  readonly index: number
  readonly subscriber: string
}) => `${key.instance} ${key.version} ${key.index} ${key.subscriber}`
