/*
 * The parameters of the commit statement in its order: arrays and documents by column, sorted so that processes lock
 * alike.
 */
import type { InstanceWrite, StoredTimer } from '../../../runtime/ports.js'
import { storable } from '../../../runtime/storable.js'
import type { Precondition } from '../../../runtime/types.js'
import type { PreconditionShape, ProjectionShape } from './commit-statement.js'

/**
 * @param leaseMs how long this process has for delivering what the commit emits.
 * @param format the storage format to write; `undefined`: the statement looks it up.
 * Throws if a value cannot be made JSON, or the JSON cannot be stored.
 *
 * Long because it is one array in the order of the statement's parameters, which a split would hide.
 */
export function commitParameters(
  writes: readonly InstanceWrite[],
  projections: readonly ProjectionShape[],
  preconditions: readonly PreconditionShape[],
  leaseMs: number,
  format: number | undefined,
): unknown[] {
  const sorted = [...writes].sort((a, b) => compare(a.row.id, b.row.id))
  const rows = sorted.map(w => w.row)
  const wanted = byKey(sorted.flatMap(wantedClaims))
  const freed = byKey(sorted.flatMap(w => w.claimsFreed.map(key => ({ instance: w.row.id, key }))))
  const gates = sorted.flatMap(w => w.gates.map(gate => ({ instance: w.row.id, ...gate })))
  const journal = sorted.flatMap(w => w.journal.map(entry => ({ instance: w.row.id, ...entry })))
  const events = sorted.flatMap(w => w.events)
  const deliveries = events.flatMap(e => e.subscribers.map(subscriber => ({ event: e, subscriber })))

  return [
    rows.map(r => r.id),
    rows.map(r => r.machine),
    rows.map(r => r.definitionVersion),
    sorted.map(w => w.expectedVersion),
    rows.map(r => r.version),
    rows.map(r => r.status),
    rows.map(r => r.owner),
    storable(`[${rows.map(r => r.snapshot).join(',')}]`),
    rows.map(r => r.createdAt),
    rows.map(r => r.updatedAt),
    sorted.map(w => w.expectedUpdatedAt),
    wanted.map(w => w.instance),
    wanted.map(w => w.key),
    wanted.map(w => w.isTaken),
    gates.map(g => g.instance),
    gates.map(g => g.sendId),
    gates.map(g => g.generation),
    journal.map(j => j.instance),
    journal.map(j => j.version),
    journal.map(j => j.uid),
    document(journal.map(j => j.event)),
    journal.map(j => j.status),
    document(journal.map(j => j.actor)),
    journal.map(j => j.at),
    events.map(e => e.instance),
    events.map(e => e.version),
    events.map(e => e.index),
    events.map(e => e.type),
    document(events.map(e => e.payload)),
    JSON.stringify(events.map(e => e.audience)),
    events.map(e => e.at),
    leaseMs,
    deliveries.map(d => d.event.instance),
    deliveries.map(d => d.event.version),
    deliveries.map(d => d.event.index),
    deliveries.map(d => d.subscriber),
    JSON.stringify(freed),
    JSON.stringify(sorted.flatMap(removedTimers)),
    document(sorted.flatMap(w => w.timersSet.map(timerRow))),
    JSON.stringify(sorted.flatMap(w => w.keys)),
    format ?? null,
    ...projections.map(({ table }) => JSON.stringify(projected(sorted, table))),
    ...preconditions.map(shape => JSON.stringify(preconditioned(sorted, nameOfShape(shape)))),
    ...(hasLimits(writes) ? [JSON.stringify(sorted.flatMap(limited))] : []),
  ]
}

const byKey = <T extends { readonly key: string }>(rows: T[]) => rows.sort((a, b) => compare(a.key, b.key))

const wantedClaims = ({ row, claimsNeeded, claimsTaken }: InstanceWrite) =>
  claimsNeeded.map(key => ({ instance: row.id, key, isTaken: claimsTaken.includes(key) }))

/** Without a send id all timers of the instance are removed. */
const removedTimers = ({ row, isFinished, timersRemoved }: InstanceWrite) =>
  (isFinished ? [null] : timersRemoved).map(sendId => ({ instance: row.id, send_id: sendId }))

const timerRow = (timer: StoredTimer) => ({
  instance: timer.instance,
  send_id: timer.sendId,
  machine: timer.machine,
  generation: timer.generation,
  event: timer.event,
  due_at: timer.dueAt,
  parked: timer.parked,
  // Most events are the only one of their version, so 0 is stored as null.
  ordinal: timer.ordinal || undefined,
})

/** Whether any write has limits, which the statement must then count. */
export const hasLimits = (writes: readonly InstanceWrite[]) => writes.some(({ limits }) => limits.length > 0)

const limited = ({ row: { id, owner }, limits }: InstanceWrite) =>
  limits.map(({ max, windowMs, status }, place) => ({
    instance: id,
    place,
    owner,
    max,
    window_ms: windowMs,
    status,
  }))

/** A column of values that a machine reads back. */
const document = (values: readonly unknown[]) => storable(JSON.stringify(values))

/** The projections that the writes touch, each once, in a stable order. */
export function projectionsOf(writes: readonly InstanceWrite[]): ProjectionShape[] {
  const shapes = new Map<string, ProjectionShape>()
  for (const write of writes) {
    for (const projection of write.projections) {
      if (projection.rows.length > 0) shapes.set(projection.table, projection)
    }
  }
  return [...shapes.values()].sort((a, b) => compare(a.table, b.table))
}

function projected(writes: readonly InstanceWrite[], table: string): Record<string, unknown>[] {
  return writes.flatMap(w =>
    w.projections
      .filter(p => p.table === table)
      .flatMap(p => p.rows.map(row => ({ instance: w.row.id, version: w.row.version, ...row }))),
  )
}

/** The distinct shapes of the writes' preconditions, in a stable order. */
export function preconditionsOf(writes: readonly InstanceWrite[]): PreconditionShape[] {
  const shapes = new Map<string, PreconditionShape>()
  for (const { preconditions } of writes) {
    for (const one of preconditions) {
      const shape = shapeOf(one)
      shapes.set(nameOfShape(shape), shape)
    }
  }
  return [...shapes.values()].sort((a, b) => compare(nameOfShape(a), nameOfShape(b)))
}

function shapeOf({ table, row, isThere }: Precondition): PreconditionShape {
  const columns = Object.entries(row).map(
    ([name, value]) => [name, typeof value === 'string' ? 'text' : 'boolean'] as const,
  )
  return { table, columns: Object.fromEntries(columns), isThere }
}

/** The part of a prepared statement's name that identifies its preconditions. */
export function nameOfShape({ table, columns, isThere }: PreconditionShape): string {
  return [isThere ? 'with' : 'without', table, ...Object.keys(columns)].join('_')
}

/** `place`: the index among the write's preconditions. */
function preconditioned(writes: readonly InstanceWrite[], name: string): Record<string, unknown>[] {
  return writes.flatMap(w =>
    w.preconditions.flatMap((one, place) =>
      nameOfShape(shapeOf(one)) === name ? [{ of_instance: w.row.id, place, ...one.row }] : [],
    ),
  )
}

/** By code unit, as both processes do; the database's collation does not matter, only that it is the same. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
