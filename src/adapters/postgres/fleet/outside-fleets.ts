import type { Pool } from 'pg'
import { query } from '../query.js'

/** A defect that breaks everything is as plain from the first ones. */
const MAX_FOUND = 100

/**
 * Live trips are found by the claims on their drivers, which are few. A trip has the type of vehicle that its truck asked for
 * (invariant 2: the machine sees to that), so the vehicle is held against the trip.
 */
const outsideFleetsSql = `
select t.instance, format('the trip %s of %s has driver %s and vehicle %s (%s): %s', t.id, t.transporter_id, t.driver_id,
    t.vehicle_id, t.vehicle ->> 'vehicleType', concat_ws(', ',
      case when d.transporter_id is distinct from t.transporter_id
        then 'the driver is in the fleet of ' || coalesce(d.transporter_id, 'nobody') end,
      case when v.transporter_id is distinct from t.transporter_id
        then 'the vehicle is in the fleet of ' || coalesce(v.transporter_id, 'nobody') end,
      case when v.vehicle_type <> t.vehicle ->> 'vehicleType' then 'the vehicle is a ' || v.vehicle_type end)) as message
from claims c
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

/** Live trips whose driver or vehicle is not in the fleet of the trip's transporter, in words: none, if all is well. */
export function tripsOutsideFleets(pool: Pool): Promise<readonly OutsideFleet[]> {
  return query<{ instance: string; message: string }>(pool, outsideFleetsSql, [])
}
