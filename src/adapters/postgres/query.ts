import type pg from 'pg'
import { orUnavailable } from './sqlstate.js'

/**
 * The rows of one statement. Not prepared by name: a plan that was made while a table was empty would stay.
 * Throws `StoreUnavailableError` when the database does not answer.
 */
export async function query<TRow extends pg.QueryResultRow>(
  pool: pg.Pool,
  text: string,
  values: readonly unknown[],
): Promise<readonly TRow[]> {
  const { rows } = await orUnavailable(pool.query<TRow>(text, [...values]))
  return rows
}
