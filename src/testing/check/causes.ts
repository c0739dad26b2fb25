/*
 * Finds which operation caused which transition. Operations that were answered "applied" name their version. Each
 * operation with an unknown outcome may have caused one transition: the one that bears its name, or else the first one
 * with the same content.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Definition } from '../../runtime/definition.js'
import { MIGRATE } from '../../runtime/definitions/upgrade.js'
import type { JournalEntry } from '../../runtime/types.js'
import type { Operation } from '../history.js'
import type { Line } from './line.js'
import type { Violation } from './violation.js'

export interface Causes {
  /** At index v − 1 the operation that caused version v. `undefined` for timers. */
  readonly byVersion: readonly (Operation | undefined)[]
  readonly violations: readonly Violation[]
}

export function findCauses(definition: Definition, line: Line, operations: readonly Operation[]): Causes {
  const { instance, journal } = line
  const violations: Violation[] = []
  const report = (rule: Violation['rule'], message: string, ...found: Operation[]) =>
    violations.push({ rule, message, instance, operations: found.map(({ id }) => id) })
  const byVersion: (Operation | undefined)[] = journal.map(() => undefined)
  const namesOf = new Map(operations.flatMap(o => (o.actor === undefined ? [] : [[o.actor, o] as const])))

  for (const operation of operations) {
    const { outcome } = operation
    if (outcome.kind !== 'applied') continue
    const entry = journal[outcome.version - 1]
    const other = byVersion[outcome.version - 1]
    if (entry === undefined) {
      report('history', `version ${outcome.version} was answered, but is not in the journal`, operation)
    } else if (other !== undefined) {
      report('order', `version ${outcome.version} was answered to two callers`, other, operation)
    } else if (!isOf(definition, operation, entry)) {
      report(
        'history',
        `version ${outcome.version} was answered to a caller that did not cause it`,
        operation,
      )
    } else byVersion[outcome.version - 1] = operation
  }

  const unknown = operations.filter(({ outcome }) => outcome.kind === 'unknown')
  for (const [i, entry] of journal.entries()) {
    if (byVersion[i] !== undefined || entry.actor.sendId !== undefined) continue
    if (entry.event.type === MIGRATE) continue
    const named = namesOf.get(entry.actor.id)
    const position = unknown.findIndex(one =>
      named === undefined ? isOf(definition, one, entry) : one === named,
    )
    const [cause] = position < 0 ? [] : unknown.splice(position, 1)
    byVersion[i] = cause
    if (cause !== undefined) {
      if (!isOf(definition, cause, entry)) {
        report('history', `version ${entry.version} is not what its caller asked for`, cause)
      }
      continue
    }
    const what = `version ${entry.version} (${entry.event.type})`
    if (named === undefined) report('history', `${what} was not caused by any call`)
    else if (named.outcome.kind === 'unknown' || named.outcome.kind === 'applied') {
      report('history', `${what} was caused by an operation that had been applied already`, named)
    } else report('answer', `${what} was applied, but its caller was told "${named.outcome.kind}"`, named)
  }
  return { byVersion, violations }
}

/** Whether the entry is the one that the operation asked for. */
function isOf(definition: Definition, operation: Operation, entry: JournalEntry): boolean {
  const { actor, event, outcome } = operation
  if (outcome.kind === 'applied' && outcome.uid !== undefined && outcome.uid !== entry.uid) return false
  if (actor !== undefined && actor !== entry.actor.id) return false
  if (operation.kind === 'create') {
    const { type: _, ...input } = event
    if (entry.event.type !== 'xstate.init') return false
    return (
      isSame(entry.event.input, input) || isSame(entry.event.input, definition.input.safeParse(input).data)
    )
  }
  const schema = definition.commands[event.type]
  // Either as it was sent, or as the schema has parsed it.
  return (
    schema !== undefined && (isSame(entry.event, event) || isSame(entry.event, schema.safeParse(event).data))
  )
}

/** Ignores the stamp, which does not come from the caller. */
function isSame(journaled: unknown, given: unknown): boolean {
  if (typeof journaled !== 'object' || journaled === null) return false
  const { at: _at, uid: _uid, ...rest } = journaled as Record<string, unknown>
  return isDeepStrictEqual(rest, given) || JSON.stringify(rest) === JSON.stringify(given)
}
