/*
 * Places in lists of drivers and vehicles, newest first: `<microseconds since the epoch>.<id>`.
 * Ids are the clients' own, so they say nothing about age.
 */
import { sql } from 'kysely'
import type { Position } from '../../../../dispatch/ports.js'
import type { Parameters } from '../../connection/statement.js'

/** The position of row `alias` of a table that has `created_at` and `id`. */
export const positionOf = (alias: string) =>
  sql<string>`(extract(epoch from ${sql.ref(`${alias}.created_at`)}) * 1000000)::bigint || '.' || ${sql.ref(`${alias}.id`)}`

/** A position as parameters; both are null at the start of a list. */
export interface AfterValues {
  readonly afterMicros: string | null
  readonly afterId: string | null
}

/** Whether row `alias` comes after the position. */
export const isAfter = (alias: string, $: Parameters<AfterValues>) =>
  sql<boolean>`(${$.afterMicros}::bigint is null or (${sql.ref(`${alias}.created_at`)}, ${sql.ref(`${alias}.id`)}) <
    ('epoch'::timestamptz + ${$.afterMicros} * interval '1 microsecond', ${$.afterId}::text))`

export function afterValues(position: Position | undefined): AfterValues {
  if (position === undefined) return { afterMicros: null, afterId: null }
  const dot = position.indexOf('.')
  return { afterMicros: position.slice(0, dot), afterId: position.slice(dot + 1) }
}
