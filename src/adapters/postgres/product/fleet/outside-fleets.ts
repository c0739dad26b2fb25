import type { Pool } from 'pg'
import { query } from '../../connection/query.js'

/** The first findings are enough to show a defect. */
const MAX_FOUND = 100

/**
 * Finds live trips by the claims on their drivers, which are few. A trip has the vehicle type that its truck asked for
 * (invariant 2, kept by the machine), so the vehicle is compared with the trip.
 */
const outsideFleetsSql = `
select t.instance, format('the trip %s of %s has driver %s and vehicle %s (%s): %s', t.id, t.transporter_id, t.driver_id,
    t.vehicle_id, t.vehicle ->> 'vehicleType', concat_ws(', ',
      case when d.transporter_id is distinct from t.transporter_id
        then 'the driver is in the fleet of ' || coalesce(d.transporter_id, 'nobody') end,
      case when v.transporter_id is distinct from t.transporter_id
        then 'the vehicle is in the fleet of ' || coalesce(v.transporter_id, 'nobody') end,
      case when v.vehicle_type <> t.vehicle ->> 'vehicleType' then 'the vehicle is a ' || v.vehicle_type end)) as message
from {claims} c
join trips t on t.instance = c.instance and t.driver_id = substr(c.key, length('driver:') + 1) and t.ended_at is null
left join drivers d on d.id = t.driver_id
left join vehicles v on v.id = t.vehicle_id
where c.key like 'driver:%' and (
  d.transporter_id is distinct from t.transporter_id
  or v.transporter_id is distinct from t.transporter_id
  or v.vehicle_type <> t.vehicle ->> 'vehicleType')
limit ${MAX_FOUND}`

export interface OutsideFleet {
  readonly instance: string
  readonly message: string
}

/** Describes live trips whose driver or vehicle is not in the fleet of the trip's transporter; empty if there are none. */
export function tripsOutsideFleets(pool: Pool): Promise<readonly OutsideFleet[]> {
  return query<{ instance: string; message: string }>(pool, outsideFleetsSql, [])
}
