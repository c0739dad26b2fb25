import type { Pool } from 'pg'
import type { DriverRecord, FleetStore, Position } from '../../../dispatch/ports.js'
import { query } from '../query.js'
import { isAfter, newestFirst, positionColumn, positionParameters } from './position.js'

export interface DriverRow {
  readonly id: string
  readonly position: string
  readonly transporter_id: string
  readonly name: string
  readonly phone: string | null
  readonly is_online: boolean
  readonly vehicle_id: string | null
  readonly is_busy: boolean
}

/**
 * Columns of a driver `d`. On a trip means: a live request holds the claim on it. `offset 0` keeps that a look-up by
 * key for each row, where the planner would rather read all claims into a hash.
 */
export const driverColumns = `d.id, ${positionColumn('d')}, d.transporter_id, d.name, d.phone, d.is_online,
  d.vehicle_id, exists (select from {claims} c where c.key = 'driver:' || d.id offset 0) as is_busy`

export function toDriver(row: DriverRow): DriverRecord {
  return {
    id: row.id,
    position: row.position,
    transporterId: row.transporter_id,
    name: row.name,
    ...(row.phone === null ? {} : { phone: row.phone }),
    isSwitchedOn: row.is_online,
    ...(row.vehicle_id === null ? {} : { vehicleId: row.vehicle_id }),
    isBusy: row.is_busy,
  }
}

/** Two transporters at once: the second waits for the first's row and finds that it is not its own. */
const putDriverSql = `
insert into drivers as d (id, transporter_id, name, phone) values ($1, $2, $3, $4)
on conflict (id) do update set name = excluded.name, phone = excluded.phone
where d.transporter_id = excluded.transporter_id
returning ${driverColumns}, d.xmax = 0 as is_new`

export async function putDriver(
  pool: Pool,
  transporterId: string,
  { id, name, phone }: { id: string; name: string; phone?: string },
): ReturnType<FleetStore['putDriver']> {
  const rows = await query<DriverRow & { is_new: boolean }>(pool, putDriverSql, [
    id,
    transporterId,
    name,
    phone ?? null,
  ])
  const row = rows[0]
  if (row === undefined) return { kind: 'taken' }
  return { kind: row.is_new ? 'created' : 'updated', driver: toDriver(row) }
}

/**
 * Excludes concurrent accepts of the driver: see accept-facts.ts. The row is locked first, which waits for a commit that
 * relies on it. Then the claims are checked as that commit has left them.
 */
const deleteDriverSql = `
with held as materialized (
  select id from drivers where id = $1 and transporter_id = $2 for update
), judged as materialized (
  select id, is_claimed('driver:' || id) as is_busy from held
), gone as (
  delete from drivers d using judged j where d.id = j.id and not j.is_busy
)
select is_busy from judged`

export async function deleteDriver(
  pool: Pool,
  transporterId: string,
  driverId: string,
): ReturnType<FleetStore['deleteDriver']> {
  const [row] = await query<{ is_busy: boolean }>(pool, deleteDriverSql, [driverId, transporterId])
  if (row === undefined) return 'missing'
  return row.is_busy ? 'busy' : 'deleted'
}

const getDriverSql = `select ${driverColumns} from drivers d where d.id = $1`

export async function getDriver(pool: Pool, driverId: string): Promise<DriverRecord | undefined> {
  const rows = await query<DriverRow>(pool, getDriverSql, [driverId])
  return rows[0] && toDriver(rows[0])
}

/** The page first, then who of it is busy: else it is looked up for the whole fleet. */
const listDriversSql = `
select ${driverColumns} from (
  select * from drivers d where d.transporter_id = $1 and ${isAfter('d', 2)} order by ${newestFirst('d')} limit $4
) as d
order by ${newestFirst('d')}`

export async function listDrivers(
  pool: Pool,
  transporterId: string,
  { after, limit }: { after?: Position; limit: number },
): Promise<readonly DriverRecord[]> {
  const parameters = [transporterId, ...positionParameters(after), limit]
  const rows = await query<DriverRow>(pool, listDriversSql, parameters)
  return rows.map(toDriver)
}

const driverPresenceFactsSql = `
select ${driverColumns}, v.vehicle_type
from drivers d left join vehicles v on v.id = d.vehicle_id
where d.id = any($1::text[])`

export async function driverPresenceFacts(
  pool: Pool,
  driverIds: readonly string[],
): ReturnType<FleetStore['driverPresenceFacts']> {
  const rows = await query<DriverRow & { vehicle_type: string | null }>(pool, driverPresenceFactsSql, [
    driverIds,
  ])
  return new Map(
    rows.map(row => [
      row.id,
      {
        transporterId: row.transporter_id,
        isSwitchedOn: row.is_online,
        isBusy: row.is_busy,
        vehicle: toVehicleNamed(row),
      },
    ]),
  )
}

export function toVehicleNamed(row: { vehicle_id: string | null; vehicle_type: string | null }) {
  if (row.vehicle_id === null || row.vehicle_type === null) return undefined
  return { id: row.vehicle_id, vehicleType: row.vehicle_type }
}

const busyAmongSql = `
select d.id from unnest($1::text[]) as d(id) where exists (select from {claims} c where c.key = 'driver:' || d.id)`

export async function busyAmong(pool: Pool, driverIds: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await query<{ id: string }>(pool, busyAmongSql, [driverIds])
  return new Set(rows.map(row => row.id))
}
