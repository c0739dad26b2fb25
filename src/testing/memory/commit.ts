/*
 * The guarded commit on tables in memory, equal to the statement of the Postgres store. Every guard reads the tables as
 * they were before the statement. An instance whose guards fail writes nothing; the others are written.
 */
import { nameOfKey } from '../../runtime/commit/mailbox.js'
import { SAME_STAMP_WITHIN_MS } from '../../runtime/commit/snapshot-cache.js'
import type { InstanceWrite, WriteResult } from '../../runtime/ports.js'
import { storable } from '../../runtime/storable.js'
import type { Limited, Precondition } from '../../runtime/types.js'
import { deliveryName, type Tables, timerName } from './tables.js'

/** Commits all writes whose guards hold, at once. `now` is in milliseconds since the epoch. */
export function commitTo(
  tables: Tables,
  writes: readonly InstanceWrite[],
  now: number,
  deliveryLeaseMs: number,
): readonly WriteResult[] {
  const results = writes.map(write => guard(tables, write, now))
  const moving = writes.filter((_, i) => results[i]?.kind === 'moved')
  // Two rows with one unique key in one statement: Postgres would abort it, also each time it is resent.
  if (hasClash(tables, moving)) return writes.map(() => ({ kind: 'busy' }))
  for (const write of moving) apply(tables, write, now + deliveryLeaseMs)
  return results
}

/** The result of the write's guards. `moved` means that it may be applied. */
function guard(tables: Tables, write: InstanceWrite, now: number): WriteResult {
  const { id } = write.row
  try {
    storable(write.row.snapshot)
    storable(JSON.stringify([write.journal, write.events, write.timersSet]))
  } catch (error) {
    return { kind: 'unstorable', error: error as Error }
  }
  const used = write.keys.flatMap(key => tables.keys.get(nameOfKey(key)) ?? [])
  if (used.length > 0) return { kind: 'keyed', used }
  const lost = write.gates.filter(({ sendId, generation }) => {
    const timer = tables.timers.get(timerName(id, sendId))?.timer
    return timer?.generation !== generation || timer.parked !== undefined
  })
  if (lost.length > 0) return { kind: 'gateLost', sendIds: lost.map(gate => gate.sendId) }
  const unmet = write.preconditions.filter(one => !isMet(tables, one))
  if (unmet.length > 0) return { kind: 'unmet', preconditions: unmet }
  const holders = new Map<string, string>()
  for (const key of write.claimsNeeded) {
    const holder = tables.claims.get(key)
    if (holder !== undefined && holder !== id) holders.set(key, holder)
  }
  if (holders.size > 0) return { kind: 'claimed', holders }
  const limited = limitOf(tables, write, now)
  if (limited !== undefined) return limited
  const row = tables.instances.get(id)
  const isExpected =
    (row?.version ?? 0) === write.expectedVersion &&
    Math.abs((row?.updatedAt ?? 0) - write.expectedUpdatedAt) <= SAME_STAMP_WITHIN_MS
  return { kind: isExpected ? 'moved' : 'stale' }
}

/** The limit of the owner's that leaves no room for longest. */
function limitOf({ instances }: Tables, { row, limits }: InstanceWrite, now: number): Limited | undefined {
  let longest: Limited | undefined
  for (const limit of limits) {
    const { max, windowMs, status } = limit
    const counted = [...instances.values()]
      .filter(({ owner, createdAt }) => owner === row.owner && createdAt > now - windowMs)
      .filter(other => status === undefined || other.status === status)
      .sort((a, b) => (a.id < b.id ? 1 : -1))
    const oldest = counted[max - 1]
    const retryAfterMs = oldest === undefined ? -1 : oldest.createdAt + windowMs - now
    if (retryAfterMs > (longest?.retryAfterMs ?? 0)) longest = { kind: 'limited', limit, retryAfterMs }
  }
  return longest
}

/** Checks tables outside of the engine, which are the projections here. */
function isMet({ projections }: Tables, { table, row, isThere }: Precondition): boolean {
  const isSame = (other: Readonly<Record<string, unknown>>) =>
    Object.entries(row).every(([column, value]) => other[column] === value)
  return [...(projections.get(table)?.values() ?? [])].some(isSame) === isThere
}

/** Whether a unique key would be inserted twice. A key freed in the same statement still counts as taken. */
function hasClash(tables: Tables, writes: readonly InstanceWrite[]): boolean {
  const seen = new Set<string>()
  for (const { row, claimsTaken, keys } of writes) {
    for (const key of claimsTaken) {
      if (seen.has(key) || tables.claims.has(key)) return true
      seen.add(key)
    }
    for (const key of [row.id, ...keys.map(nameOfKey)]) {
      if (seen.has(`\n${key}`)) return true
      seen.add(`\n${key}`)
    }
  }
  return false
}

function apply(tables: Tables, write: InstanceWrite, outboxDueAt: number): void {
  const { row } = write
  const before = tables.instances.get(row.id)
  // Machine, owner and time of creation are written once.
  const kept = before && { machine: before.machine, owner: before.owner, createdAt: before.createdAt }
  tables.instances.set(row.id, { ...row, ...kept })
  appendTo(tables.journal, row.id, write.journal.map(copy))
  const events = write.events.map(event => ({ subscribers: event.subscribers, event: eventOf(event) }))
  appendTo(
    tables.events,
    row.id,
    events.map(({ event }) => event),
  )
  for (const { event, subscribers } of events) {
    for (const subscriber of subscribers) {
      const name = deliveryName({ ...event, subscriber })
      tables.outbox.set(name, { event, subscriber, attempts: 0, dueAt: outboxDueAt })
    }
  }
  for (const key of write.claimsFreed) if (tables.claims.get(key) === row.id) tables.claims.delete(key)
  for (const key of write.claimsTaken) tables.claims.set(key, row.id)
  for (const key of write.keys) tables.keys.set(nameOfKey(key), key)
  for (const sendId of write.timersRemoved) tables.timers.delete(timerName(row.id, sendId))
  if (write.isFinished) {
    for (const [name, { timer }] of tables.timers) if (timer.instance === row.id) tables.timers.delete(name)
  }
  for (const timer of write.timersSet) {
    tables.timers.set(timerName(row.id, timer.sendId), { timer: copy(timer), leasedUntil: 0 })
  }
  for (const { table, rows } of write.projections) {
    const projection = tables.projections.get(table) ?? new Map()
    tables.projections.set(table, projection)
    for (const entry of rows) {
      projection.set(entry.id, { ...copy(entry), instance: row.id, version: row.version })
    }
  }
}

function appendTo<T>(map: Map<string, T[]>, key: string, items: readonly T[]): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [...items])
  else list.push(...items)
}

function eventOf({ subscribers: _, ...event }: InstanceWrite['events'][number]) {
  return copy(event)
}

/** The value as a json column returns it: `undefined` is gone, and no reference can change what is stored. */
export const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value))
