import type { Pool } from 'pg'
import type { FleetStore, Position, VehicleRecord } from '../../../../dispatch/ports.js'
import { query } from '../../connection/query.js'
import { isAfter, newestFirst, positionColumn, positionParameters } from './position.js'
import { inTurn } from './turn.js'

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
  exists (select from {claims} c where c.key = 'vehicle:' || v.id offset 0) as is_busy`

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

/**
 * Changes the type only if the row was locked and then found free, so that no accept takes a vehicle of another type: see
 * accept-facts.ts. Writes nothing if the vehicle is another transporter's or busy, or if its row appeared after the
 * statement began. A vehicle is added only where the fleet has fewer than `$5`, which counts in the transporter's turn.
 */
const putVehicleSql = `
with held as materialized (
  select id, vehicle_type from vehicles where id = $1 and transporter_id = $2 for update
), judged as materialized (
  select id, vehicle_type <> $3 and is_claimed('vehicle:' || id) as is_busy from held
), room as materialized (
  select exists (select from vehicles where id = $1)
    or (select count(*) from vehicles where transporter_id = $2) < $5 as is_room
), put as (
  insert into vehicles as v (id, transporter_id, vehicle_type, number)
  select $1, $2, $3, $4 from room where is_room and not exists (select from judged where is_busy)
  on conflict (id) do update set vehicle_type = excluded.vehicle_type, number = excluded.number
  where v.transporter_id = excluded.transporter_id
    and (v.vehicle_type = excluded.vehicle_type or exists (select from judged))
  returning ${vehicleColumns}, v.xmax = 0 as is_new
)
select put.*, (select is_busy from judged) as is_held_busy, (select is_room from room) as is_room,
  (select transporter_id from vehicles where id = $1) as holder,
  array(select d.id from drivers d where d.vehicle_id = $1) as drivers
from (select) one left join put on true`

type PutRow = VehicleRow & {
  /** `null`: there was no such vehicle, or it is another transporter's. */
  is_held_busy: boolean | null
  is_room: boolean
  is_new: boolean
  holder: string | null
  drivers: readonly string[]
}

/** Each retry means that another call put or deleted the same vehicle at the same moment. */
const MAX_PUTS = 5

export async function putVehicle(
  pool: Pool,
  transporterId: string,
  { id, vehicleType, number }: { id: string; vehicleType: string; number: string },
  maxFleet: number,
): ReturnType<FleetStore['putVehicle']> {
  for (let puts = 0; puts < MAX_PUTS; puts++) {
    const values = [id, transporterId, vehicleType, number, maxFleet]
    const [row] = await inTurn<PutRow>(pool, transporterId, putVehicleSql, values)
    if (row === undefined) throw new Error('a left join of one row gave none')
    if (row.id !== null) {
      return { kind: row.is_new ? 'created' : 'updated', vehicle: toVehicle(row), drivers: row.drivers }
    }
    if (!row.is_room) return { kind: 'full' }
    if (row.is_held_busy === true) return { kind: 'busy' }
    if (row.holder !== null && row.holder !== transporterId) return { kind: 'taken' }
  }
  return { kind: 'busy' }
}

/** Locks the row as the deletion of a driver does. */
const deleteVehicleSql = `
with held as materialized (
  select id from vehicles where id = $1 and transporter_id = $2 for update
), judged as materialized (
  select id, is_claimed('vehicle:' || id) as is_busy from held
), gone as (
  delete from vehicles v using judged j where v.id = j.id and not j.is_busy
)
select is_busy, array(select d.id from drivers d where d.vehicle_id = $1) as drivers from judged`

export async function deleteVehicle(
  pool: Pool,
  transporterId: string,
  vehicleId: string,
): ReturnType<FleetStore['deleteVehicle']> {
  type Row = { is_busy: boolean; drivers: readonly string[] }
  const [row] = await query<Row>(pool, deleteVehicleSql, [vehicleId, transporterId])
  if (row === undefined) return { kind: 'missing' }
  return row.is_busy ? { kind: 'busy' } : { kind: 'deleted', drivers: row.drivers }
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
