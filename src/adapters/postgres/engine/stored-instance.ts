import type { StoredInstance } from '../../../runtime/ports.js'

/** SQL: milliseconds since the epoch. Times in the database are whole milliseconds, so nothing is lost. */
export const millis = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`

/** The instance of a row that was selected with `INSTANCE_COLUMNS` and other columns. */
export function toStoredInstance(row: StoredInstance): StoredInstance {
  const { id, machine, definitionVersion, version, status, owner, snapshot, createdAt, updatedAt } = row
  return { id, machine, definitionVersion, version, status, owner, snapshot, createdAt, updatedAt }
}
