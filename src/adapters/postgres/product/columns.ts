/* Expressions that several statements use. Names of columns are SQL's, such as `d.created_at`. */
import { type RawBuilder, sql } from 'kysely'

/** Milliseconds since the epoch. Times are whole ones in the database, so nothing is lost. */
export const millisOf = (column: string) =>
  sql<number>`(extract(epoch from ${sql.ref(column)}) * 1000)::float8`

/** A time from milliseconds since the epoch. */
export const timeFrom = (ms: RawBuilder<number>) => sql<Date>`to_timestamp(${ms}::float8 / 1000)`

/** One row without columns, for what is to be answered even where a join finds nothing. */
export const ONE_ROW = sql<object>`(select)`.as('one')

/** For `where … in`: an array is one parameter, however long it is. */
export const anyText = (values: RawBuilder<readonly string[]>) => sql<string>`any(${values}::text[])`
