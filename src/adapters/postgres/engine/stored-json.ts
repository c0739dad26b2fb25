/*
 * How values are stored that a machine reads back. XState depends on the order of keys, so their text is kept, in
 * columns of type `json`, the last ones of their row. Rows of storage format 1 have them as `jsonb`, which loses the
 * order.
 */

/** SQL: the column of `table` (an alias) as it was written. */
const either = (table: string, column: string) =>
  `coalesce(${table}.${column}_json, ${table}.${column}::json)`

/** SQL: a value for the old column, and one for the new column. `format` is an expression for the format to write. */
export const asJsonb = (json: string, format: string) => `case when ${format} < 2 then ${json}::jsonb end`
export const asJson = (json: string, format: string) => `case when ${format} >= 2 then ${json} end`

export const snapshotOf = (instances: string) => either(instances, 'snapshot')
export const eventOf = (journalOrTimers: string) => either(journalOrTimers, 'event')
export const actorOf = (journal: string) => either(journal, 'actor')
export const payloadOf = (events: string) => either(events, 'payload')
