import type { BroadcastRecord } from '../../dispatch/ports.js'
import type { StoredInstance } from '../../runtime/ports.js'

/** Times are whole milliseconds in the database, so nothing is lost; as numbers no type parser matters. */
export const millis = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`

/** A whole instance `i`, in one column: other columns of a joined query keep their names. */
export const instanceColumns = `i.id, i.machine, i.definition_version, i.version, i.status, i.owner,
  i.snapshot, ${millis('i.created_at')} as created_at, ${millis('i.updated_at')} as updated_at`

export interface InstanceRow {
  readonly id: string
  readonly machine: string
  readonly definition_version: number
  readonly version: number
  readonly status: string
  readonly owner: string
  readonly snapshot: unknown
  readonly created_at: number
  readonly updated_at: number
}

export function toStoredInstance(row: InstanceRow): StoredInstance {
  return {
    id: row.id,
    machine: row.machine,
    definitionVersion: row.definition_version,
    version: row.version,
    status: row.status,
    owner: row.owner,
    snapshot: row.snapshot,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** A broadcast `i` with the recipient row `r` of the one who asks (a left join). */
export const broadcastColumns = `${instanceColumns},
  (select count(*)::integer from recipients n where n.broadcast_id = i.id and n.offered_at is not null) as notified,
  coalesce(r.offered_at is not null, false) as is_offered,
  coalesce(r.declined_at is not null, false) as has_declined`

export interface BroadcastRow extends InstanceRow {
  readonly notified: number
  readonly is_offered: boolean
  readonly has_declined: boolean
}

export function toBroadcastRecord(row: BroadcastRow): BroadcastRecord {
  return {
    instance: toStoredInstance(row),
    notified: row.notified,
    isOffered: row.is_offered,
    hasDeclined: row.has_declined,
  }
}
