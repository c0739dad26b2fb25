import type { StoredInstance } from '../../../runtime/ports.js'

/** Milliseconds since the epoch. Times are whole ones in the database, so nothing is lost. */
export const millis = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`

/** The instance of a row that was selected with `INSTANCE_COLUMNS` among others. */
export function toStoredInstance(row: StoredInstance): StoredInstance {
  const { id, machine, definitionVersion, version, status, owner, snapshot, createdAt, updatedAt } = row
  return { id, machine, definitionVersion, version, status, owner, snapshot, createdAt, updatedAt }
}
