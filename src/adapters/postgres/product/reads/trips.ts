import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { TripRecord } from '../../../../dispatch/ports.js'
import type { StoredInstance } from '../../../../runtime/ports.js'
import { db, type Parameters, type RowOf, run, statement } from '../../connection/statement.js'
import { toStoredInstance } from '../../engine/stored-instance.js'
import { isBelow, millisOf } from '../columns.js'
import { INSTANCE } from '../stored-broadcast.js'
import { SURROUNDINGS } from '../stored-json.js'

const TRIP = [
  't.id as trip_id',
  't.instance',
  't.truck_id',
  't.customer_id',
  't.transporter_id',
  't.driver_id',
  't.vehicle_id',
  sql<TripRecord['status']>`t.status`.as('trip_status'),
  sql<TripRecord['driver']>`t.driver`.as('driver'),
  sql<TripRecord['vehicle']>`t.vehicle`.as('vehicle'),
  millisOf('t.assigned_at').as('assigned_at'),
  millisOf<number | null>('t.started_at').as('started_at'),
  millisOf<number | null>('t.ended_at').as('ended_at'),
  'c.pickup',
  'c.drop',
  'c.goods',
] as const

/** Trips `t` with their requests `i`, and the columns `c` that they share. */
const trips = db
  .selectFrom('trips as t')
  .innerJoin('loadcast.instances as i', 'i.id', 't.instance')
  .crossJoinLateral(SURROUNDINGS)

const tripOf = statement(($: Parameters<{ id: string }>) => trips.select(TRIP).where('t.id', '=', $.id))

function toTrip(row: RowOf<typeof tripOf>): TripRecord {
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

export async function findTrip(pool: Pool, tripId: string): Promise<TripRecord | undefined> {
  const [row] = await run(pool, tripOf, { id: tripId })
  return row && toTrip(row)
}

const tripAndBroadcastOf = statement(($: Parameters<{ id: string }>) =>
  trips.select(TRIP).select(INSTANCE).where('t.id', '=', $.id),
)

export async function findTripAndBroadcast(
  pool: Pool,
  tripId: string,
): Promise<{ trip: TripRecord; instance: StoredInstance } | undefined> {
  const [row] = await run(pool, tripAndBroadcastOf, { id: tripId })
  return row && { trip: toTrip(row), instance: toStoredInstance(row) }
}

const tripsOfDriver = statement(($: Parameters<{ driverId: string; before: string | null; limit: number }>) =>
  trips
    .select(TRIP)
    .where('t.driver_id', '=', $.driverId)
    .where(isBelow('t.id', $.before))
    .orderBy('t.id', 'desc')
    .limit($.limit),
)

export async function listDriverTrips(
  pool: Pool,
  driverId: string,
  { before, limit }: { before?: string; limit: number },
): Promise<readonly TripRecord[]> {
  const rows = await run(pool, tripsOfDriver, { driverId, before: before ?? null, limit })
  return rows.map(toTrip)
}
