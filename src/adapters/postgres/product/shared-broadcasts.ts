/*
 * Many callers read the same request at once, and its snapshot is by far the largest part of the answer. It is sent,
 * parsed and kept once for all of them.
 */
import { sql } from 'kysely'
import type { BroadcastRecord } from '../../../dispatch/ports.js'
import { INSTANCE_COLUMNS } from '../engine/instances.js'
import { toStoredInstance } from '../engine/stored-instance.js'
import { type BroadcastRow, NOTIFIED } from './stored-broadcast.js'

/** The columns of an instance `i` that is joined to the first question for it only. */
export const SHARED_BROADCAST = sql`${sql.raw(INSTANCE_COLUMNS)}, ${NOTIFIED}`

export type SharedBroadcastRow =
  | Omit<BroadcastRow, 'isOffered' | 'hasDeclined'>
  | { readonly id: null; readonly notified: number }

type Shared = Pick<BroadcastRecord, 'instance' | 'notified'>

/** For each id, whether it is the first of its kind. */
export function areFirst(ids: readonly string[]): readonly boolean[] {
  const seen = new Set<string>()
  return ids.map(id => {
    const isFirst = !seen.has(id)
    seen.add(id)
    return isFirst
  })
}

/** Returns what was found for each of `ids`. `rows` are in the same order. */
export function sharedBroadcasts(
  ids: readonly string[],
  rows: readonly SharedBroadcastRow[],
): readonly (Shared | undefined)[] {
  const found = new Map<string, Shared>()
  for (const [i, row] of rows.entries()) {
    const id = ids[i]
    if (row.id !== null && id !== undefined) {
      found.set(id, { instance: toStoredInstance(row), notified: row.notified })
    }
  }
  return ids.map(id => found.get(id))
}
