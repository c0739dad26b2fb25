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

/** A statement that finds rows by their keys; `name` is its alone. */
export interface LookUp {
  readonly name: string
  readonly text: string
}

/**
 * The same for a statement that is planned once for each connection of a pool that `createLookupPool` made. On another pool
 * it works too, and Postgres decides how it is planned.
 */
export async function lookUp<TRow extends pg.QueryResultRow>(
  pool: pg.Pool,
  { name, text }: LookUp,
  values: readonly unknown[],
): Promise<readonly TRow[]> {
  const { rows } = await orUnavailable(pool.query<TRow>({ name, text, values: [...values] }))
  return rows
}
