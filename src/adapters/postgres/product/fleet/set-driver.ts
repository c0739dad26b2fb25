import pg, { type Pool } from 'pg'
import type { FleetStore } from '../../../../dispatch/ports.js'
import { query } from '../../connection/query.js'
import { type DriverRow, driverColumns, toDriver, toVehicleNamed } from './drivers.js'

/** SQLSTATE foreign_key_violation: the vehicle was deleted while we named it. */
const FOREIGN_KEY_VIOLATION = '23503'

const vehicleType = '(select v.vehicle_type from vehicles v where v.id = d.vehicle_id) as vehicle_type'

/**
 * `$2` and `$3` are null where nothing shall change. A vehicle counts only if it is the transporter's own. A heartbeat that
 * names what is known already locks no row: an accept of this driver would find it locked.
 */
const setDriverSql = `
with named as (
  select v.id from vehicles v join drivers d on d.transporter_id = v.transporter_id
  where d.id = $1 and v.id = $3
), changed as (
  update drivers d
  set is_online = coalesce($2, d.is_online), vehicle_id = coalesce($3, d.vehicle_id)
  where d.id = $1 and ($3::text is null or exists (select from named))
    and (d.is_online, d.vehicle_id) is distinct from (coalesce($2, d.is_online), coalesce($3, d.vehicle_id))
  returning ${driverColumns}, ${vehicleType}
), now as (
  select * from changed
  union all
  select ${driverColumns}, ${vehicleType} from drivers d
  where d.id = $1 and ($3::text is null or exists (select from named)) and not exists (select from changed)
)
select now.*, exists (select from drivers where id = $1) as is_known
from (select) one left join now on true`

type Row = DriverRow & { vehicle_type: string | null; is_known: boolean }

export async function setDriver(
  pool: Pool,
  driverId: string,
  { isSwitchedOn, vehicleId }: { isSwitchedOn?: boolean; vehicleId?: string },
): ReturnType<FleetStore['setDriver']> {
  const row = await run(pool, [driverId, isSwitchedOn ?? null, vehicleId ?? null])
  if (row === undefined) return { kind: 'vehicleNotInFleet' }
  if (!row.is_known) return { kind: 'missing' }
  if (row.id === null) return { kind: 'vehicleNotInFleet' }
  return { kind: 'set', driver: toDriver(row), vehicle: toVehicleNamed(row) }
}

async function run(pool: Pool, parameters: unknown[]): Promise<Row | undefined> {
  try {
    const rows = await query<Row>(pool, setDriverSql, parameters)
    return rows[0]
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === FOREIGN_KEY_VIOLATION) return undefined
    throw error
  }
}
