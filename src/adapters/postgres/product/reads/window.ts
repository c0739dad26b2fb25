/*
 * Filtered lists of instances, newest first. `instances` has no index by status, for its updates to stay heap-only, so
 * a status that is rare would have a list read the whole table. It looks at a window of rows instead, and where the
 * window ends before the page is full, says from where to look on.
 */
import type { Pool } from 'pg'
import type { Found } from '../../../../dispatch/ports.js'
import { query } from '../../connection/query.js'

/** Rows looked at for one page: some milliseconds, and many times a page. */
export const MAX_LOOKED_AT = 2_000

export interface Window {
  /** Which rows of `instances w` the list is of: what an index can find. Parameters from `$2` on. */
  readonly of: string
  readonly values: readonly unknown[]
  readonly before: string | undefined
}

/**
 * One page out of the window. `columns` and `joins` are over `instances i`. A second statement is needed only where
 * the page is not full.
 */
export async function findInWindow<TRow extends { readonly id: string }>(
  pool: Pool,
  { columns, joins = '' }: { columns: string; joins?: string },
  { of, values, before }: Window,
  { status, machine, limit }: { status: string | undefined; machine?: string | undefined; limit: number },
): Promise<Found<TRow>> {
  const window = (selected: string, bounds: string) =>
    `select ${selected} from {instances} w where ${of} and ($1::uuid is null or w.id < $1) order by w.id desc ${bounds}`
  const parameters = [before ?? null, ...values]
  const n = parameters.length
  const items = await query<TRow>(
    pool,
    `select ${columns} from (${window('w.*', `limit ${MAX_LOOKED_AT}`)}) as i ${joins}
     where ($${n + 1}::text is null or i.status = $${n + 1}) and ($${n + 2}::text is null or i.machine = $${n + 2})
     order by i.id desc limit $${n + 3}`,
    [...parameters, status ?? null, machine ?? null, limit],
  )
  const isFiltered = status !== undefined || machine !== undefined
  if (!isFiltered || items.length === limit) return { items }
  const last = await query<{ id: string }>(
    pool,
    window('w.id', `limit 1 offset ${MAX_LOOKED_AT - 1}`),
    parameters,
  )
  return last[0] === undefined ? { items } : { items, lookedDownTo: last[0].id }
}
