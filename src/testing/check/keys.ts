/* Idempotency keys: operations that share a key are applied once, and each repetition is answered with that result. */
import type { Operation } from '../history.js'
import type { Violation } from './violation.js'

/** `causes` says which operation caused which version of which instance. */
export function checkKeys(
  operations: readonly Operation[],
  causes: ReadonlyMap<Operation, { readonly instance: string; readonly version: number }>,
): Violation[] {
  const groups = new Map<string, Operation[]>()
  for (const operation of operations) {
    if (operation.key === undefined) continue
    const name = `${operation.instance} ${operation.key}`
    groups.set(name, [...(groups.get(name) ?? []), operation])
  }
  return [...groups.values()].flatMap(group => checkGroup(group, causes))
}

function checkGroup(
  group: readonly Operation[],
  causes: ReadonlyMap<Operation, { readonly instance: string; readonly version: number }>,
): Violation[] {
  const violations: Violation[] = []
  const key = group[0]?.key
  const report = (message: string, ...found: Operation[]) =>
    violations.push({ rule: 'key', message, operations: found.map(({ id }) => id) })
  const done = group.filter(operation => causes.has(operation))
  if (done.length > 1) {
    const versions = done.map(one => causes.get(one)?.version).join(' and ')
    report(`"${key}" was applied more than once, as versions ${versions}`, ...done)
  }
  for (const operation of group) {
    const { outcome } = operation
    if (outcome.kind === 'replayed' && outcome.unchanged) {
      if (!group.some(other => mayBeOrigin(other, operation, outcome.version))) {
        report(
          `"${key}" was answered again with "unchanged" at version ${outcome.version}, which no caller with this key had been told`,
          operation,
        )
      }
    } else if (outcome.kind === 'replayed') {
      const origin = done.find(one => causes.get(one)?.version === outcome.version)
      if (origin === undefined) {
        report(`"${key}" was answered with version ${outcome.version}, which it did not cause`, operation)
      }
    } else if (outcome.kind === 'refused' || outcome.kind === 'unchanged') {
      const earlier = done.find(({ returnedAt }) => returnedAt !== null && returnedAt < operation.calledAt)
      if (earlier !== undefined) {
        report(`"${key}" had been applied, but its repetition was decided again`, earlier, operation)
      }
    }
  }
  return violations
}

/** Whether the repeated answer may be that of `other`: it was "unchanged" at that version, or its answer was lost. */
function mayBeOrigin(other: Operation, repetition: Operation, version: number): boolean {
  const { outcome, calledAt } = other
  if (other === repetition || calledAt > (repetition.returnedAt ?? Number.POSITIVE_INFINITY)) return false
  return outcome.kind === 'unknown' || (outcome.kind === 'unchanged' && outcome.version === version)
}
