import type { Pool } from 'pg'
import type { LiveRequest } from '../../../../dispatch/ports.js'
import { query } from '../../connection/query.js'
import { snapshotOf } from '../../engine/stored-json.js'
import { isActiveTransporter } from '../fleet/people.js'

/**
 * Requests that seek are those that hold their customer's claim: few rows, whatever the number of requests
 * that have ended. Nothing of `instances` is indexed by status, for its updates to stay heap-only.
 */
export const seeking = `{claims} s join {instances} i on i.id = s.instance and i.machine = 'broadcast'
  and s.key = 'customer:' || i.owner and i.status in ('searching', 'partially_filled')`

/** Snapshots are read once each (see `contextOf`), of those requests alone that were not offered yet. */
const listUnofferedLiveSql = `
with owned as materialized (
  select array_agg(distinct v.vehicle_type) as types
  from vehicles v
  join transporters t on t.id = v.transporter_id and t.is_available
  where v.transporter_id = $1 and ${isActiveTransporter('$1')}
),
unoffered as materialized (
  select i.id, ${snapshotOf('i')} as snapshot
  from (${seeking})
  where s.key like 'customer:%' and exists (select from owned where types is not null)
    and not exists (
      select from recipients r
      where r.broadcast_id = i.id and r.transporter_id = $1 and r.offered_at is not null
    )
)
select u.id, (c.pickup ->> 'lat')::float8 as lat, (c.pickup ->> 'lng')::float8 as lng,
  v.value ->> 'reach' as reach, c."reachStepsKm" as reach_steps_km, open.types as open_types
from unoffered u
cross join owned
cross join lateral json_to_record(u.snapshot) as v(value json, context json)
cross join lateral json_to_record(v.context) as c(pickup json, "reachStepsKm" json, trucks json)
cross join lateral (
  select array_agg(distinct truck ->> 'vehicleType') as types
  from json_array_elements(c.trucks) as truck
  where truck ->> 'tripId' is null
) as open
where open.types && owned.types
order by u.id desc
limit $2`

interface Row {
  readonly id: string
  readonly lat: number
  readonly lng: number
  readonly reach: string
  readonly reach_steps_km: readonly number[]
  readonly open_types: readonly string[]
}

export async function listUnofferedLive(
  pool: Pool,
  transporterId: string,
  limit: number,
): Promise<readonly LiveRequest[]> {
  const rows = await query<Row>(pool, listUnofferedLiveSql, [transporterId, limit])
  return rows.map(row => ({
    id: row.id,
    pickup: { lat: row.lat, lng: row.lng },
    reach: row.reach,
    reachStepsKm: row.reach_steps_km,
    openTypes: row.open_types,
  }))
}
