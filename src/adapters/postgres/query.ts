import type pg from 'pg'
import { orUnavailable } from './sqlstate.js'

/** A statement that finds rows by their keys; `name` is its alone. */
export interface LookUp {
  readonly name: string
  readonly text: string
}

/**
 * The rows of one statement. A `LookUp` is planned once for each connection of a pool that `createLookupPool` made; on
 * another pool it works too, and Postgres decides. A text is planned each time it is sent: a plan that was made while a table
 * was empty would stay.
 * Throws `StoreUnavailableError` when the database does not answer.
 */
export async function query<TRow extends pg.QueryResultRow>(
  pool: pg.Pool,
  statement: string | LookUp,
  values: readonly unknown[],
): Promise<readonly TRow[]> {
  const { rows } = await orUnavailable(pool.query<TRow>(statement, [...values]))
  return rows
}
