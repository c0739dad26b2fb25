/*
 * Where values are stored that a machine reads back. Their text is kept, since XState decides by the order of keys: in
 * columns of type `json`, which is last in its row. Rows of storage format 1 have them as `jsonb`, whose order is lost.
 */

/** The column of `table` (an alias) as it was written. */
const either = (table: string, column: string) =>
  `coalesce(${table}.${column}_json, ${table}.${column}::json)`

/** A value for the old column, and for the new one; `format` is an expression for the format to write. */
export const asJsonb = (json: string, format: string) => `case when ${format} < 2 then ${json}::jsonb end`
export const asJson = (json: string, format: string) => `case when ${format} >= 2 then ${json} end`

export const snapshotOf = (instances: string) => either(instances, 'snapshot')
export const eventOf = (journalOrTimers: string) => either(journalOrTimers, 'event')
export const actorOf = (journal: string) => either(journal, 'actor')
export const payloadOf = (events: string) => either(events, 'payload')
