/*
 * Values that a machine reads back, as expressions for Kysely. Each is stored in one of two columns, which
 * engine/stored-json.ts explains.
 */
import { sql } from 'kysely'
import type { TripRecord, TripSurroundings } from '../../../dispatch/ports.js'
import { db } from '../connection/statement.js'
import * as stored from '../engine/stored-json.js'

export type StoredObject = Readonly<Record<string, unknown>>

export const snapshotOf = (instances: string) => sql.raw<unknown>(stored.snapshotOf(instances))
export const eventOf = (journalOrTimers: string) => sql.raw<StoredObject>(stored.eventOf(journalOrTimers))
export const payloadOf = (events: string) => sql.raw<StoredObject>(stored.payloadOf(events))
export const actorOf = (journal: string) =>
  sql.raw<StoredObject & { readonly id: string; readonly role: string }>(stored.actorOf(journal))

/**
 * The present status of the trip that an event is about, or null. `machine` is a column, because events of other machines
 * may have a different `trip`.
 */
export const tripStatusOf = (events: string, machine: string) =>
  sql<TripRecord['status'] | null>`case when ${sql.ref(machine)} = 'broadcast' then ${db
    .selectFrom('trips as t')
    .select('t.status')
    .where('t.id', '=', sql<string>`(${payloadOf(events)} #>> '{trip,id}')::uuid`)} end`

/**
 * Members of an instance's context as the columns of `c`, for a lateral join. It parses the text once, where each `->` or
 * `#>` would parse it again, and so is as fast as operators on jsonb.
 */
export const contextOf = <T>(instances: string, columns: string) =>
  sql<T>`json_to_record(${snapshotOf(instances)} -> 'context')`.as<'c'>(sql.raw(`c(${columns})`))

/** The columns `c` that a trip shares with its request `i`, see `TripSurroundings`. */
export const SURROUNDINGS = contextOf<{
  pickup: TripSurroundings['pickup']
  drop: TripSurroundings['drop']
  goods: string | null
}>('i', 'pickup json, "drop" json, goods text')
