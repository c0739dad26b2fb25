/* Columns of instances and requests, and the records that are made of their rows. */
import { sql } from 'kysely'
import type { BroadcastRecord } from '../../../dispatch/ports.js'
import type { StoredInstance } from '../../../runtime/ports.js'
import { db } from '../connection/statement.js'
import { toStoredInstance } from '../engine/stored-instance.js'
import { millisOf } from './columns.js'
import { snapshotOf } from './stored-json.js'

/** The columns of an instance `i` without its snapshot. */
export const SUMMARY = [
  'i.id',
  'i.machine',
  'i.definition_version as definitionVersion',
  'i.version',
  'i.status',
  'i.owner',
  millisOf('i.created_at').as('createdAt'),
  millisOf('i.updated_at').as('updatedAt'),
] as const

/** The columns of an instance `i`. `toStoredInstance` takes them out of a row. */
export const INSTANCE = [...SUMMARY, snapshotOf('i').as('snapshot')] as const

/** The number of transporters that were offered the request `i`. */
export const NOTIFIED = sql<number>`${db
  .selectFrom('recipients as n')
  .select(sql<number>`count(*)::integer`.as('notified'))
  .where('n.broadcast_id', '=', sql.ref<string>('i.id'))
  .where('n.offered_at', 'is not', null)}`.as('notified')

/** The columns of the caller's row `r` of `recipients`, which is left-joined. */
export const RECIPIENT = [
  sql<boolean>`r.offered_at is not null`.as('isOffered'),
  sql<boolean>`r.declined_at is not null`.as('hasDeclined'),
] as const

/** The columns of a request `i` and the caller's row `r` of `recipients`. */
export const BROADCAST = [...INSTANCE, NOTIFIED, ...RECIPIENT] as const

/** The columns of a request `i` for callers that are no transporters. */
export const LISTED_BROADCAST = [
  ...INSTANCE,
  NOTIFIED,
  sql.lit<boolean>(false).as('isOffered'),
  sql.lit<boolean>(false).as('hasDeclined'),
] as const

export type BroadcastRow = StoredInstance & Omit<BroadcastRecord, 'instance'>

export function toBroadcastRecord(row: BroadcastRow): BroadcastRecord {
  const { notified, isOffered, hasDeclined } = row
  return { instance: toStoredInstance(row), notified, isOffered, hasDeclined }
}
