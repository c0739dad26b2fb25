import type pg from 'pg'
import { qualified } from './engine-schema.js'
import { isWorthRepeating, orUnavailable } from './sqlstate.js'

/** A deadlock ends when one side is rolled back. A lock that was refused three times is held for longer. */
const MAX_ATTEMPTS = 3
const RETRY_PAUSE_MS = 10

/** A statement that finds rows by their keys. No other statement may have its `name`. */
export interface LookUp {
  readonly name: string
  readonly text: string
}

/**
 * Returns the rows of one statement, which names the engine's tables in braces (engine-schema.ts). A `LookUp` is
 * planned once for each connection of a pool from `createLookupPool`. On another pool it works too, and Postgres
 * decides. A plain text is planned each time it is sent, because a plan made while a table was empty would be kept.
 * Throws `StoreUnavailableError` if the database does not answer or cannot run the statement now.
 */
export async function query<TRow extends pg.QueryResultRow>(
  pool: pg.Pool,
  statement: string | LookUp,
  values: readonly unknown[],
): Promise<readonly TRow[]> {
  const text =
    typeof statement === 'string'
      ? qualified(statement)
      : { name: statement.name, text: qualified(statement.text) }
  const { rows } = await orUnavailable(send<TRow>(pool, text, [...values]))
  return rows
}

/** Retries after a deadlock and similar errors: a statement is a transaction, so nothing was applied. */
async function send<TRow extends pg.QueryResultRow>(
  pool: pg.Pool,
  statement: string | LookUp,
  values: unknown[],
): Promise<pg.QueryResult<TRow>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await pool.query<TRow>(statement, values)
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !isWorthRepeating(error)) throw error
      await new Promise(resolve => setTimeout(resolve, RETRY_PAUSE_MS * attempt * (0.5 + Math.random())))
    }
  }
}
