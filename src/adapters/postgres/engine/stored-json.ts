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

/**
 * The status now of the trip that an event is about; null for an event of none. `machine`: an expression, since events of
 * other machines may have a `trip` that is something else.
 */
export const tripStatusOf = (events: string, machine: string) => `
  case when ${machine} = 'broadcast' then (
    select t.status from trips t where t.id = (${payloadOf(events)} #>> '{trip,id}')::uuid
  ) end`

/**
 * Members of an instance's context as the columns of `c`, to be joined by `cross join lateral`. It reads the text once,
 * where each `->` or `#>` on it would read the whole again; so it is as fast as operators are on jsonb.
 */
export const contextOf = (instances: string, columns: string) =>
  `json_to_record(${snapshotOf(instances)} -> 'context') as c(${columns})`
