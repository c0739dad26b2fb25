import type { AnyMachineSnapshot } from 'xstate'
import type { Definition } from '../definition.js'
import { checkedRows } from '../definitions/checks/projections.js'
import type { ProjectionRows } from '../ports.js'

/** The rows of each projection that `after` has and `before` had not, or not with these values. Checked. */
export function changedRows(
  definition: Definition,
  before: AnyMachineSnapshot | undefined,
  after: AnyMachineSnapshot,
): ProjectionRows[] {
  return definition.projections.map(projection => {
    const known = before === undefined ? undefined : projection.rows(before)
    const rows = checkedRows(definition, projection, unknownRows(known, projection.rows(after)))
    return { table: projection.table, columns: projection.columns, rows }
  })
}

function unknownRows(
  before: ProjectionRows['rows'] | undefined,
  after: ProjectionRows['rows'],
): ProjectionRows['rows'] {
  // A definition without a fault gives an array. `checkedRows` refuses anything else.
  if (before === undefined || before.length === 0 || !Array.isArray(after)) return after
  const known = new Map(before.map(row => [row.id, JSON.stringify(row)]))
  return after.filter(row => known.get(row?.id) !== JSON.stringify(row))
}
