import type { Pool } from 'pg'
import type { AnswerRecord, AnswerStore, RefusedAccept } from '../../../dispatch/ports.js'
import { query } from '../connection/query.js'

/** In one order everywhere, so that two batches with the same rows cannot deadlock. */
const addRefusedSql = `
insert into answers (id, transporter_id, broadcast_id, outcome, driver_id, vehicle_id)
select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[])
  as a (id, transporter_id, broadcast_id, outcome, driver_id, vehicle_id)
order by transporter_id, broadcast_id, outcome
on conflict do nothing`

/** Ids on both sides are UUIDv7, so they are times: each side gives its newest, and the newest of these are the page. */
const listSql = `
select * from (
  (select t.id, t.instance as broadcast_id, 'ACCEPTED' as outcome, t.driver_id, t.vehicle_id,
     t.status as trip_status, null as reason
   from trips t where t.transporter_id = $1 and ($2::uuid is null or t.id < $2) order by t.id desc limit $3)
  union all
  (select a.id, a.broadcast_id, a.outcome, a.driver_id, a.vehicle_id, null, a.reason
   from answers a where a.transporter_id = $1 and ($2::uuid is null or a.id < $2) order by a.id desc limit $3)
) as given order by id desc limit $3`

interface Row {
  readonly id: string
  readonly broadcast_id: string
  readonly outcome: string
  readonly driver_id: string | null
  readonly vehicle_id: string | null
  readonly trip_status: string | null
  readonly reason: string | null
}

const toAnswer = (row: Row): AnswerRecord => ({
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
      await query(pool, addRefusedSql, [
        refused.map(answer => answer.id),
        refused.map(answer => answer.transporterId),
        refused.map(answer => answer.broadcastId),
        refused.map(answer => answer.outcome),
        refused.map(answer => answer.driverId),
        refused.map(answer => answer.vehicleId),
      ])
    },
    async list(transporterId, { before, limit }) {
      return (await query<Row>(pool, listSql, [transporterId, before ?? null, limit])).map(toAnswer)
    },
  }
}
