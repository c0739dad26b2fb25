import type { Pool } from 'pg'
import type { TripRecord } from '../../../../dispatch/ports.js'
import type { StoredInstance } from '../../../../runtime/ports.js'
import { query } from '../../connection/query.js'
import { INSTANCE_COLUMNS } from '../../engine/instances.js'
import { millis, toStoredInstance } from '../../engine/stored-instance.js'
import { contextOf } from '../../engine/stored-json.js'

/** Columns of a trip `t` with what it shares with its request `i`. */
const tripColumns = `t.id as trip_id, t.instance, t.truck_id, t.customer_id, t.transporter_id, t.driver_id,
  t.vehicle_id, t.status as trip_status, t.driver, t.vehicle,
  ${millis('t.assigned_at')} as assigned_at, ${millis('t.started_at')} as started_at,
  ${millis('t.ended_at')} as ended_at, c.pickup, c."drop", c.goods`

const tripsAndRequests = `trips t join {instances} i on i.id = t.instance
  cross join lateral ${contextOf('i', 'pickup json, "drop" json, goods text')}`

interface TripRow {
  readonly trip_id: string
  readonly instance: string
  readonly truck_id: string
  readonly customer_id: string
  readonly transporter_id: string
  readonly driver_id: string
  readonly vehicle_id: string
  readonly trip_status: TripRecord['status']
  readonly driver: TripRecord['driver']
  readonly vehicle: TripRecord['vehicle']
  readonly assigned_at: number
  readonly started_at: number | null
  readonly ended_at: number | null
  readonly pickup: unknown
  readonly drop: unknown
  readonly goods: string | null
}

function toTrip(row: TripRow): TripRecord {
  return {
    id: row.trip_id,
    broadcastId: row.instance,
    truckId: row.truck_id,
    customerId: row.customer_id,
    transporterId: row.transporter_id,
    driverId: row.driver_id,
    vehicleId: row.vehicle_id,
    status: row.trip_status,
    driver: row.driver,
    vehicle: row.vehicle,
    pickup: row.pickup,
    drop: row.drop,
    ...(row.goods === null ? {} : { goods: row.goods }),
    assignedAt: row.assigned_at,
    ...(row.started_at === null ? {} : { startedAt: row.started_at }),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
  }
}

const findTripSql = `select ${tripColumns} from ${tripsAndRequests} where t.id = $1`

export async function findTrip(pool: Pool, tripId: string): Promise<TripRecord | undefined> {
  const rows = await query<TripRow>(pool, findTripSql, [tripId])
  return rows[0] && toTrip(rows[0])
}

const findTripAndBroadcastSql = `
select ${tripColumns}, ${INSTANCE_COLUMNS}
from ${tripsAndRequests} where t.id = $1`

export async function findTripAndBroadcast(
  pool: Pool,
  tripId: string,
): Promise<{ trip: TripRecord; instance: StoredInstance } | undefined> {
  const rows = await query<TripRow & StoredInstance>(pool, findTripAndBroadcastSql, [tripId])
  return rows[0] && { trip: toTrip(rows[0]), instance: toStoredInstance(rows[0]) }
}

const listDriverTripsSql = `
select ${tripColumns} from ${tripsAndRequests}
where t.driver_id = $1 and ($2::uuid is null or t.id < $2)
order by t.id desc limit $3`

export async function listDriverTrips(
  pool: Pool,
  driverId: string,
  { before, limit }: { before?: string; limit: number },
): Promise<readonly TripRecord[]> {
  const rows = await query<TripRow>(pool, listDriverTripsSql, [driverId, before ?? null, limit])
  return rows.map(toTrip)
}
