/* Rows that contain a request and further facts. */
import type { BroadcastRecord } from '../../../dispatch/ports.js'
import type { StoredInstance } from '../../../runtime/ports.js'
import { INSTANCE_COLUMNS } from './instances.js'

/** SQL: milliseconds since the epoch. Times in the database are whole milliseconds, so nothing is lost. */
export const millis = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`

/** SQL: when a UUIDv7 was created (RFC 9562 §5.7). Postgres has a function for it only from version 17 on. */
export const timeOfUuid = (column: string) =>
  `to_timestamp(('x' || left(replace(${column}::text, '-', ''), 12))::bit(48)::bigint / 1000.0)`

/** The instance in a row that was selected with `INSTANCE_COLUMNS` and other columns. */
export function toStoredInstance(row: StoredInstance): StoredInstance {
  const { id, machine, definitionVersion, version, status, owner, snapshot, createdAt, updatedAt } = row
  return { id, machine, definitionVersion, version, status, owner, snapshot, createdAt, updatedAt }
}

/** The number of transporters that were offered the broadcast `i`. */
export const NOTIFIED_COLUMN = `
  (select count(*)::integer from recipients n where n.broadcast_id = i.id and n.offered_at is not null) as notified`

/** The columns of the caller's recipient row `r`, which is left-joined. */
export const RECIPIENT_COLUMNS = `
  coalesce(r.offered_at is not null, false) as "isOffered",
  coalesce(r.declined_at is not null, false) as "hasDeclined"`

/** The columns of a broadcast `i` and the caller's recipient row `r`. */
export const BROADCAST_COLUMNS = `${INSTANCE_COLUMNS}, ${NOTIFIED_COLUMN}, ${RECIPIENT_COLUMNS}`

export type BroadcastRow = StoredInstance & Omit<BroadcastRecord, 'instance'>

export function toBroadcastRecord(row: BroadcastRow): BroadcastRecord {
  const { notified, isOffered, hasDeclined } = row
  return { instance: toStoredInstance(row), notified, isOffered, hasDeclined }
}
