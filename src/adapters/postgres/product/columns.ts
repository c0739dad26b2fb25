/* Expressions that several statements use. Names of columns are SQL's, such as `d.created_at`. */
import { type RawBuilder, sql } from 'kysely'
import type { Role } from '../../../dispatch/person.js'
import type { Parameters } from '../connection/statement.js'

/** Milliseconds since the epoch. Times in the database are whole milliseconds, so nothing is lost. */
export const millisOf = <T extends number | null = number>(column: string) =>
  sql<T>`(extract(epoch from ${sql.ref(column)}) * 1000)::float8`

/** A time from milliseconds since the epoch. */
export const timeFrom = (ms: RawBuilder<number>) => sql<Date>`to_timestamp(${ms}::float8 / 1000)`

/** One row without columns, for what is to be answered even where a join finds nothing. */
export const ONE_ROW = sql<object>`(select)`.as('one')

/** For `where … in`: an array is one parameter, however long it is. */
export const anyText = (values: RawBuilder<readonly string[]>) => sql<string>`any(${values}::text[])`

/** A condition for a page of a list that is ordered by id, newest first: the id is below `before`, or that is null. */
export const isBelow = (column: string, before: RawBuilder<string | null>) =>
  sql<boolean>`(${before}::uuid is null or ${sql.ref(column)} < ${before})`

/** A condition for a filter of a list: the column has this value, or the value is null. */
export const matches = (column: string, value: RawBuilder<string | null>) =>
  sql<boolean>`(${value}::text is null or ${sql.ref(column)} = ${value})`

/** A condition on a parameter, which turns off a part of a statement that concerns other roles. */
export const isRole = ({ role }: Parameters<{ role: Role | null }>, expected: Role) =>
  sql<boolean>`${role}::text = ${sql.lit(expected)}`
