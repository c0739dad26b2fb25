/*
 * Places in lists of drivers and vehicles, newest first: `<microseconds since the epoch>.<id>`.
 * Ids are the clients' own, so they say nothing about age.
 */
import type { Position } from '../../../../dispatch/ports.js'

const micros = (alias: string) => `(extract(epoch from ${alias}.created_at) * 1000000)::bigint`

export const positionColumn = (alias: string) => `${micros(alias)} || '.' || ${alias}.id as position`

/** Keeps rows that come after the position in parameters `$first` and `$first + 1`, both null at the start. */
export const isAfter = (alias: string, first: number) =>
  `($${first}::bigint is null or (${alias}.created_at, ${alias}.id) <
    ('epoch'::timestamptz + $${first} * interval '1 microsecond', $${first + 1}::text))`

export const newestFirst = (alias: string) => `${alias}.created_at desc, ${alias}.id desc`

export function positionParameters(position: Position | undefined): [string | null, string | null] {
  if (position === undefined) return [null, null]
  const dot = position.indexOf('.')
  return [position.slice(0, dot), position.slice(dot + 1)]
}
