import { sql } from 'kysely'
import type { Pool } from 'pg'
import { db, run, statement } from '../../connection/statement.js'

/** The first findings are enough to show a defect. */
const MAX_FOUND = 100

const DRIVER = sql.lit('driver:')
const TYPE_OF_TRIP = sql<string>`t.vehicle ->> 'vehicleType'`

/**
 * Finds live trips by the claims on their drivers, which are few. A trip has the vehicle type that its truck asked for
 * (invariant 2, kept by the machine), so the vehicle is compared with the trip.
 */
const outsideFleets = statement(() =>
  db
    .selectFrom('loadcast.claims as c')
    .innerJoin('trips as t', join =>
      join
        .onRef('t.instance', '=', 'c.instance')
        .on('t.driver_id', '=', sql<string>`substr(c.key, length(${DRIVER}) + 1)`)
        .on('t.ended_at', 'is', null),
    )
    .leftJoin('drivers as d', 'd.id', 't.driver_id')
    .leftJoin('vehicles as v', 'v.id', 't.vehicle_id')
    .select([
      't.instance',
      sql<string>`format('the trip %s of %s has driver %s and vehicle %s (%s): %s', t.id, t.transporter_id, t.driver_id,
        t.vehicle_id, ${TYPE_OF_TRIP}, concat_ws(', ',
          case when d.transporter_id is distinct from t.transporter_id
            then 'the driver is in the fleet of ' || coalesce(d.transporter_id, 'nobody') end,
          case when v.transporter_id is distinct from t.transporter_id
            then 'the vehicle is in the fleet of ' || coalesce(v.transporter_id, 'nobody') end,
          case when v.vehicle_type <> ${TYPE_OF_TRIP} then 'the vehicle is a ' || v.vehicle_type end))`.as(
        'message',
      ),
    ])
    .where('c.key', 'like', sql.lit('driver:%'))
    .where(eb =>
      eb.or([
        eb('d.transporter_id', 'is distinct from', eb.ref('t.transporter_id')),
        eb('v.transporter_id', 'is distinct from', eb.ref('t.transporter_id')),
        eb('v.vehicle_type', '<>', TYPE_OF_TRIP),
      ]),
    )
    .limit(sql.lit(MAX_FOUND)),
)

export interface OutsideFleet {
  readonly instance: string
  readonly message: string
}

/** Describes live trips whose driver or vehicle is not in the fleet of the trip's transporter; empty if there are none. */
export function tripsOutsideFleets(pool: Pool): Promise<readonly OutsideFleet[]> {
  return run(pool, outsideFleets, {})
}
