import type { Pool } from 'pg'
import type { DriverRecord, FleetStore, Position } from '../../../../dispatch/ports.js'
import { query } from '../../connection/query.js'
import { isActiveDriver } from './people.js'
import { isAfter, newestFirst, positionColumn, positionParameters } from './position.js'

export interface DriverRow {
  readonly id: string
  readonly position: string
  readonly transporter_id: string
  readonly name: string
  readonly phone: string | null
  readonly is_online: boolean
  readonly vehicle_id: string | null
  readonly is_confirmed: boolean
  readonly is_busy: boolean
}

/**
 * Columns of a driver `d`. `isConfirmed` says in SQL whether it has agreed. A driver that is turned off is not online. It is on
 * a trip if a live request holds the claim on it; `offset 0` keeps that a look-up by key for each row, where the planner would
 * rather read all claims into a hash.
 */
const columnsOf = (isConfirmed: string) => `d.id, ${positionColumn('d')}, d.transporter_id, d.name, d.phone,
  d.is_online and ${isActiveDriver('d.id')} as is_online, d.vehicle_id, ${isConfirmed} as is_confirmed,
  ${isConfirmed} and exists (select from {claims} c where c.key = 'driver:' || d.id offset 0) as is_busy`

/** Of a row of `drivers`. */
export const driverColumns = columnsOf('true')
/** Of a row of `membersOf` or `invitationsOf`, or of both. */
export const listedColumns = columnsOf('d.is_confirmed')

/** Drivers that have agreed, and drivers that are invited, as one kind of row. */
const MEMBER =
  'd.id, d.transporter_id, d.name, d.phone, d.is_online, d.vehicle_id, d.created_at, true as is_confirmed'
export const membersOf = (drivers: string) => `select ${MEMBER} from ${drivers} d`
const INVITED = `i.driver_id as id, i.transporter_id, i.name, i.phone, false as is_online, null::text as vehicle_id,
  i.invited_at as created_at, false as is_confirmed`
export const invitationsOf = (invitations: string) => `select ${INVITED} from ${invitations} i`

export function toDriver(row: DriverRow): DriverRecord {
  return {
    id: row.id,
    position: row.position,
    transporterId: row.transporter_id,
    name: row.name,
    isConfirmed: row.is_confirmed,
    ...(row.phone === null ? {} : { phone: row.phone }),
    isSwitchedOn: row.is_online,
    ...(row.vehicle_id === null ? {} : { vehicleId: row.vehicle_id }),
    isBusy: row.is_busy,
  }
}

const getDriverSql = `
select ${listedColumns} from (
  ${membersOf('drivers')} where d.id = $1 and d.transporter_id = $2
  union all
  ${invitationsOf('driver_invitations')} where i.driver_id = $1 and i.transporter_id = $2
) as d`

export async function getDriver(
  pool: Pool,
  transporterId: string,
  driverId: string,
): Promise<DriverRecord | undefined> {
  const rows = await query<DriverRow>(pool, getDriverSql, [driverId, transporterId])
  return rows[0] && toDriver(rows[0])
}

/** A page of each, then a page of both, then which of it are busy: else that is looked up for the whole fleet. */
const listDriversSql = `
select ${listedColumns} from (
  select * from (
    (${membersOf('drivers')} where d.transporter_id = $1 and ${isAfter('d', 2)} order by ${newestFirst('d')} limit $4)
    union all
    (select * from (${invitationsOf('driver_invitations')} where i.transporter_id = $1) as d
     where ${isAfter('d', 2)} order by ${newestFirst('d')} limit $4)
  ) as d
  order by ${newestFirst('d')} limit $4
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

const membersAmongSql = `
select d.id, d.transporter_id as "transporterId",
  d.is_online and ${isActiveDriver('d.id')} as "isSwitchedOn",
  exists (select from {claims} c where c.key = 'driver:' || d.id offset 0) as "isBusy"
from drivers d where d.id = any($1::text[])`

export async function membersAmong(
  pool: Pool,
  driverIds: readonly string[],
): ReturnType<FleetStore['membersAmong']> {
  type Row = { id: string; transporterId: string; isSwitchedOn: boolean; isBusy: boolean }
  const rows = await query<Row>(pool, membersAmongSql, [driverIds])
  return new Map(rows.map(({ id, ...state }) => [id, state]))
}
