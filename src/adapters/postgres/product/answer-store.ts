import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { AnswerRecord, AnswerStore, RefusedAccept } from '../../../dispatch/ports.js'
import { db, type Parameters, type RowOf, run, statement } from '../connection/statement.js'
import { isBelow } from './columns.js'

const COLUMNS = ['id', 'transporter_id', 'broadcast_id', 'outcome', 'driver_id', 'vehicle_id'] as const

interface Refused {
  readonly ids: readonly string[]
  readonly transporterIds: readonly string[]
  readonly broadcastIds: readonly string[]
  readonly outcomes: readonly string[]
  readonly driverIds: readonly string[]
  readonly vehicleIds: readonly string[]
}

/** Rows are inserted in the same order everywhere, so that two batches with the same rows cannot deadlock. */
const refusedAdded = statement(($: Parameters<Refused>) => {
  const refused = sql<{ [K in (typeof COLUMNS)[number]]: string }>`unnest(${$.ids}::uuid[],
    ${$.transporterIds}::text[], ${$.broadcastIds}::uuid[], ${$.outcomes}::text[], ${$.driverIds}::text[],
    ${$.vehicleIds}::text[])`
  return db
    .insertInto('answers')
    .columns(COLUMNS)
    .expression(
      db
        .selectFrom(refused.as<'a'>(sql`a(${sql.join(COLUMNS.map(column => sql.ref(column)))})`))
        .select(COLUMNS)
        .orderBy('transporter_id')
        .orderBy('broadcast_id')
        .orderBy('outcome'),
    )
    .onConflict(conflict => conflict.doNothing())
})

/** Ids in both tables are UUIDv7, so their order is that of time. The page is the newest of the newest of each. */
const answersOf = statement(
  ($: Parameters<{ transporterId: string; before: string | null; limit: number }>) => {
    const accepted = db
      .selectFrom('trips as t')
      .select([
        't.id',
        't.instance as broadcast_id',
        sql<string>`'ACCEPTED'`.as('outcome'),
        sql<string | null>`t.driver_id`.as('driver_id'),
        sql<string | null>`t.vehicle_id`.as('vehicle_id'),
        sql<string | null>`t.status`.as('trip_status'),
        sql<string | null>`null::text`.as('reason'),
      ])
      .where('t.transporter_id', '=', $.transporterId)
      .where(isBelow('t.id', $.before))
      .orderBy('t.id', 'desc')
      .limit($.limit)
    const others = db
      .selectFrom('answers as a')
      .select([
        'a.id',
        'a.broadcast_id',
        'a.outcome',
        'a.driver_id',
        'a.vehicle_id',
        sql<string | null>`null::text`.as('trip_status'),
        'a.reason',
      ])
      .where('a.transporter_id', '=', $.transporterId)
      .where(isBelow('a.id', $.before))
      .orderBy('a.id', 'desc')
      .limit($.limit)
    return db
      .selectFrom(accepted.as('accepted'))
      .selectAll()
      .unionAll(db.selectFrom(others.as('others')).selectAll())
      .orderBy('id', 'desc')
      .limit($.limit)
  },
)

const toAnswer = (row: RowOf<typeof answersOf>): AnswerRecord => ({
  id: row.id,
  broadcastId: row.broadcast_id,
  outcome: row.outcome,
  ...(row.driver_id === null ? {} : { driverId: row.driver_id }),
  ...(row.vehicle_id === null ? {} : { vehicleId: row.vehicle_id }),
  ...(row.trip_status === null ? {} : { tripStatus: row.trip_status }),
  ...(row.reason === null ? {} : { reason: row.reason }),
})

export function createAnswerStore(pool: Pool): AnswerStore {
  return {
    async addRefused(refused: readonly RefusedAccept[]) {
      await run(pool, refusedAdded, {
        ids: refused.map(answer => answer.id),
        transporterIds: refused.map(answer => answer.transporterId),
        broadcastIds: refused.map(answer => answer.broadcastId),
        outcomes: refused.map(answer => answer.outcome),
        driverIds: refused.map(answer => answer.driverId),
        vehicleIds: refused.map(answer => answer.vehicleId),
      })
    },
    async list(transporterId, { before, limit }) {
      return (await run(pool, answersOf, { transporterId, before: before ?? null, limit })).map(toAnswer)
    },
  }
}
