/*
 * Filtered lists of instances, newest first. `instances` has no index by status, so that its updates stay heap-only. A list
 * of a rare status would therefore read the whole table. It reads a window of rows instead. If the window ends before the
 * page is full, it returns where to go on.
 */
import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { Found } from '../../../../dispatch/ports.js'
import {
  type Built,
  db,
  type Parameters,
  run,
  type Statement,
  statement,
} from '../../connection/statement.js'
import { isBelow, matches } from '../columns.js'

/** Rows read for one page. This takes some milliseconds, and is many times a page. */
const MAX_LOOKED_AT = 2_000

const INSTANCES = db.selectFrom('loadcast.instances as w')
type Instances = typeof INSTANCES

/** Null means no filter. */
export interface PageValues {
  readonly before: string | null
  readonly status: string | null
  readonly machine: string | null
  readonly limit: number
}

const inWindow = (rows: Instances, { before }: Parameters<PageValues>) =>
  rows.where(isBelow('w.id', before)).orderBy('w.id', 'desc')

const pageOf = (rows: Instances, $: Parameters<PageValues>) =>
  db
    .selectFrom(inWindow(rows, $).selectAll('w').limit(sql.lit(MAX_LOOKED_AT)).as('i'))
    .where(matches('i.status', $.status))
    .where(matches('i.machine', $.machine))
    .orderBy('i.id', 'desc')
    .limit($.limit)

const endOf = (rows: Instances, $: Parameters<PageValues>) =>
  inWindow(rows, $)
    .select('w.id')
    .limit(sql.lit(1))
    .offset(sql.lit(MAX_LOOKED_AT - 1))

export interface WindowList<TValues extends PageValues, TRow> {
  readonly page: Statement<TValues, TRow>
  /** Finds the last row of a full window. */
  readonly end: Statement<TValues, { id: string }>
}

/**
 * `of` limits the list to rows `w` that an index can find. `select` adds the columns of instances `i` to the page.
 */
export function windowList<TValues extends PageValues, TRow>(
  of: (rows: Instances, $: Parameters<TValues>) => Instances,
  select: (page: ReturnType<typeof pageOf>) => Built<TRow>,
): WindowList<TValues, TRow> {
  return {
    page: statement(($: Parameters<TValues>) => select(pageOf(of(INSTANCES, $), $))),
    end: statement(($: Parameters<TValues>) => endOf(of(INSTANCES, $), $)),
  }
}

/** Returns one page out of the window. A second statement runs only if the page is not full. */
export async function findInWindow<TValues extends PageValues, TRow>(
  pool: Pool,
  { page, end }: WindowList<TValues, TRow>,
  values: TValues,
): Promise<Found<TRow>> {
  const items = await run(pool, page, values)
  const isFiltered = values.status !== null || values.machine !== null
  if (!isFiltered || items.length === values.limit) return { items }
  const [last] = await run(pool, end, values)
  return last === undefined ? { items } : { items, lookedDownTo: last.id }
}
