import type { Pool } from 'pg'
import type { FleetStore, Position, VehicleRecord } from '../../../dispatch/ports.js'
import { query } from '../query.js'
import { isAfter, newestFirst, positionColumn, positionParameters } from './position.js'

interface VehicleRow {
  readonly id: string
  readonly position: string
  readonly transporter_id: string
  readonly vehicle_type: string
  readonly number: string
  readonly is_busy: boolean
}

/** Columns of a vehicle `v`. Busy as in drivers.ts, `offset 0` too. */
const vehicleColumns = `v.id, ${positionColumn('v')}, v.transporter_id, v.vehicle_type, v.number,
  exists (select from claims c where c.key = 'vehicle:' || v.id offset 0) as is_busy`

function toVehicle(row: VehicleRow): VehicleRecord {
  return {
    id: row.id,
    position: row.position,
    transporterId: row.transporter_id,
    vehicleType: row.vehicle_type,
    number: row.number,
    isBusy: row.is_busy,
  }
}

/** Nothing was put: the row is another's (`holder`, or one who came at the same time), or it is busy. */
const putVehicleSql = `
with put as (
  insert into vehicles as v (id, transporter_id, vehicle_type, number) values ($1, $2, $3, $4)
  on conflict (id) do update set vehicle_type = excluded.vehicle_type, number = excluded.number
  where v.transporter_id = excluded.transporter_id
    and (v.vehicle_type = excluded.vehicle_type or not exists (select from claims where key = 'vehicle:' || $1))
  returning ${vehicleColumns}, v.xmax = 0 as is_new
)
select put.*, (select transporter_id from vehicles where id = $1) as holder,
  array(select d.id from drivers d where d.vehicle_id = $1) as drivers
from (select) one left join put on true`

type PutRow = VehicleRow & { is_new: boolean; holder: string | null; drivers: readonly string[] }

export async function putVehicle(
  pool: Pool,
  transporterId: string,
  { id, vehicleType, number }: { id: string; vehicleType: string; number: string },
): ReturnType<FleetStore['putVehicle']> {
  const rows = await query<PutRow>(pool, putVehicleSql, [id, transporterId, vehicleType, number])
  const row = rows[0]
  if (row === undefined || row.id === null) {
    return { kind: row?.holder === transporterId ? 'busy' : 'taken' }
  }
  return { kind: row.is_new ? 'created' : 'updated', vehicle: toVehicle(row), drivers: row.drivers }
}

const deleteVehicleSql = `
with gone as (
  delete from vehicles
  where id = $1 and transporter_id = $2 and not exists (select from claims where key = 'vehicle:' || $1)
  returning id
)
select exists (select from gone) as is_gone,
  exists (select from vehicles where id = $1 and transporter_id = $2) as was_there,
  array(select d.id from drivers d where d.vehicle_id = $1) as drivers`

export async function deleteVehicle(
  pool: Pool,
  transporterId: string,
  vehicleId: string,
): ReturnType<FleetStore['deleteVehicle']> {
  const rows = await query<{ is_gone: boolean; was_there: boolean; drivers: readonly string[] }>(
    pool,
    deleteVehicleSql,
    [vehicleId, transporterId],
  )
  const row = rows[0]
  if (row?.is_gone) return { kind: 'deleted', drivers: row.drivers }
  return { kind: row?.was_there ? 'busy' : 'missing' }
}

/** The page first, then which of it are busy: else it is looked up for the whole fleet. */
const listVehiclesSql = `
select ${vehicleColumns} from (
  select * from vehicles v where v.transporter_id = $1 and ${isAfter('v', 2)} order by ${newestFirst('v')} limit $4
) as v
order by ${newestFirst('v')}`

export async function listVehicles(
  pool: Pool,
  transporterId: string,
  { after, limit }: { after?: Position; limit: number },
): Promise<readonly VehicleRecord[]> {
  const parameters = [transporterId, ...positionParameters(after), limit]
  const rows = await query<VehicleRow>(pool, listVehiclesSql, parameters)
  return rows.map(toVehicle)
}
