/* Rows that hold a request together with other facts. */
import type { StoredInstance } from '../../../runtime/ports.js'

/** Milliseconds since the epoch. Times are whole ones in the database, so nothing is lost. */
export const millis = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`

/** The instance of a row that was selected with `INSTANCE_COLUMNS` among others. */
export function toStoredInstance(row: StoredInstance): StoredInstance {
  const { id, machine, definitionVersion, version, status, owner, snapshot, createdAt, updatedAt } = row
  return { id, machine, definitionVersion, version, status, owner, snapshot, createdAt, updatedAt }
}

/** How many were offered the broadcast `i`. */
export const NOTIFIED_COLUMN = `
  (select count(*)::integer from recipients n where n.broadcast_id = i.id and n.offered_at is not null) as notified`

/** Of the recipient row `r` (a left join) of the one who asks. */
export const RECIPIENT_COLUMNS = `
  coalesce(r.offered_at is not null, false) as "isOffered",
  coalesce(r.declined_at is not null, false) as "hasDeclined"`
