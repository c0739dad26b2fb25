/*
 * Finds the two instants between which each transition must have been committed, as far as callers can tell. It came
 * after the call that caused it or an earlier version. It came before the first answer that knew of it or of a later
 * version. If the two instants cross, no order fits the wall clock. One pass each way, linear in the operations.
 */
import type { Operation } from '../history.js'
import type { Line } from './line.js'
import type { Violation } from './violation.js'

export interface Bounds {
  /** At index v − 1: version v did not exist before this. */
  readonly earliest: readonly number[]
  /** At index v − 1: version v existed from this instant on. */
  readonly latest: readonly number[]
  readonly violations: readonly Violation[]
}

interface Limit {
  readonly time: number
  readonly operation: Operation | undefined
}

/** @param startedAt the start of the history, which relates stamps to its times. */
export function findBounds(
  line: Line,
  byVersion: readonly (Operation | undefined)[],
  operations: readonly Operation[],
  { startedAt, clockErrorMs }: { readonly startedAt: number; readonly clockErrorMs: number },
): Bounds {
  const { instance, journal } = line
  const violations: Violation[] = []
  const starts: Limit[] = []
  let start: Limit = { time: Number.NEGATIVE_INFINITY, operation: undefined }
  for (const [i, operation] of byVersion.entries()) {
    const entry = journal[i]
    const isTimer = entry?.actor.sendId !== undefined
    const time = isTimer ? entry.at - startedAt - clockErrorMs : (operation?.calledAt ?? start.time)
    if (time > start.time) start = { time, operation }
    starts.push(start)
  }

  const first: Limit = { time: Number.POSITIVE_INFINITY, operation: undefined }
  const ends: Limit[] = journal.map(() => first)
  for (const operation of operations) {
    const { outcome, returnedAt } = operation
    if (returnedAt === null || !('version' in outcome) || outcome.version === undefined) continue
    if (outcome.kind === 'replayed' && outcome.instance !== instance) continue
    const known = ends[outcome.version - 1]
    if (known !== undefined && returnedAt < known.time) {
      ends[outcome.version - 1] = { time: returnedAt, operation }
    }
  }
  for (let i = ends.length - 2; i >= 0; i--) {
    const [own, next] = [ends[i], ends[i + 1]]
    if (own !== undefined && next !== undefined && next.time < own.time) ends[i] = next
  }

  for (const [i, end] of ends.entries()) {
    const start = starts[i]
    if (start === undefined || start.time <= end.time) continue
    const { type } = journal[i]?.event ?? { type: '' }
    const isTimer = start.operation === undefined
    const message = isTimer
      ? `version ${i + 1} (${type}) existed ${(start.time - end.time).toFixed(2)} ms before its timer was due`
      : `version ${i + 1} (${type}) was answered before the call that made it, or an earlier version, had begun`
    const found = [end.operation, start.operation].flatMap(one => (one === undefined ? [] : [one.id]))
    violations.push({ rule: isTimer ? 'time' : 'order', message, instance, operations: found })
    break
  }
  return { earliest: starts.map(({ time }) => time), latest: ends.map(({ time }) => time), violations }
}
