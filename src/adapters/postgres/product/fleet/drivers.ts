import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { DriverRecord, FleetStore, Position } from '../../../../dispatch/ports.js'
import { db, type Parameters, run, statement } from '../../connection/statement.js'
import { anyText } from '../columns.js'
import { isClaimed } from './claims.js'
import { isActiveDriver } from './people.js'
import { type AfterValues, afterValues, isAfter, positionOf } from './position.js'

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

/** Drivers that have agreed, and drivers that are invited, as one kind of row. */
export const MEMBER = [
  'd.id',
  'd.transporter_id',
  'd.name',
  'd.phone',
  'd.is_online',
  'd.vehicle_id',
  'd.created_at',
  sql<boolean>`true`.as('is_confirmed'),
] as const
export const INVITED = [
  'i.driver_id as id',
  'i.transporter_id',
  'i.name',
  'i.phone',
  sql<boolean>`false`.as('is_online'),
  sql<string | null>`null::text`.as('vehicle_id'),
  'i.invited_at as created_at',
  sql<boolean>`false`.as('is_confirmed'),
] as const

/** A driver `d` that is turned off is not online. */
const IS_ONLINE = sql<boolean>`d.is_online and ${isActiveDriver('d.id')}`.as('is_online')
/** A driver `d` is on a trip if a live request holds the claim on it. */
const IS_BUSY = isClaimed('driver', 'd.id').as('is_busy')

/** Columns of a row `d` of `drivers`, as those of LISTED. */
export const DRIVER = [
  'd.id',
  positionOf('d').as('position'),
  'd.transporter_id',
  'd.name',
  'd.phone',
  IS_ONLINE,
  'd.vehicle_id',
  sql<boolean>`true`.as('is_confirmed'),
  IS_BUSY,
] as const

/** Columns of a row `d` of MEMBER or INVITED. */
export const LISTED = [
  'd.id',
  positionOf('d').as('position'),
  'd.transporter_id',
  'd.name',
  'd.phone',
  IS_ONLINE,
  'd.vehicle_id',
  'd.is_confirmed',
  sql<boolean>`d.is_confirmed and ${isClaimed('driver', 'd.id')}`.as('is_busy'),
] as const

/** A row of a left join: all columns are null where it found none. */
export type Joined<TRow> = { readonly [K in keyof TRow]: TRow[K] | null }

export const isFound = <TRow extends { readonly id: string }>(row: Joined<TRow>): row is TRow =>
  row.id !== null

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

const driverOfFleet = statement(($: Parameters<{ driverId: string; transporterId: string }>) =>
  db
    .selectFrom(
      db
        .selectFrom('drivers as d')
        .select(MEMBER)
        .where('d.id', '=', $.driverId)
        .where('d.transporter_id', '=', $.transporterId)
        .unionAll(
          db
            .selectFrom('driver_invitations as i')
            .select(INVITED)
            .where('i.driver_id', '=', $.driverId)
            .where('i.transporter_id', '=', $.transporterId),
        )
        .as('d'),
    )
    .select(LISTED),
)

export async function getDriver(
  pool: Pool,
  transporterId: string,
  driverId: string,
): Promise<DriverRecord | undefined> {
  const [row] = await run(pool, driverOfFleet, { driverId, transporterId })
  return row && toDriver(row)
}

/** A page of each, then a page of both, then which of it are busy: else that is looked up for the whole fleet. */
const driversOfFleet = statement(($: Parameters<AfterValues & { transporterId: string; limit: number }>) => {
  const members = db
    .selectFrom('drivers as d')
    .select(MEMBER)
    .where('d.transporter_id', '=', $.transporterId)
    .where(isAfter('d', $))
    .orderBy('d.created_at', 'desc')
    .orderBy('d.id', 'desc')
    .limit($.limit)
  const invited = db
    .selectFrom(
      db
        .selectFrom('driver_invitations as i')
        .select(INVITED)
        .where('i.transporter_id', '=', $.transporterId)
        .as('d'),
    )
    .selectAll()
    .where(isAfter('d', $))
    .orderBy('d.created_at', 'desc')
    .orderBy('d.id', 'desc')
    .limit($.limit)
  const both = db
    .selectFrom(members.as('d'))
    .selectAll()
    .unionAll(db.selectFrom(invited.as('d')).selectAll())
  const page = db
    .selectFrom(both.as('d'))
    .selectAll()
    .orderBy('d.created_at', 'desc')
    .orderBy('d.id', 'desc')
    .limit($.limit)
  return db.selectFrom(page.as('d')).select(LISTED).orderBy('d.created_at', 'desc').orderBy('d.id', 'desc')
})

export async function listDrivers(
  pool: Pool,
  transporterId: string,
  { after, limit }: { after?: Position; limit: number },
): Promise<readonly DriverRecord[]> {
  const rows = await run(pool, driversOfFleet, { transporterId, ...afterValues(after), limit })
  return rows.map(toDriver)
}

const presenceFacts = statement(($: Parameters<{ driverIds: readonly string[] }>) =>
  db
    .selectFrom('drivers as d')
    .leftJoin('vehicles as v', 'v.id', 'd.vehicle_id')
    .select(['d.id', 'd.transporter_id', 'd.vehicle_id', 'v.vehicle_type', IS_ONLINE, IS_BUSY])
    .where('d.id', '=', anyText($.driverIds)),
)

export async function driverPresenceFacts(
  pool: Pool,
  driverIds: readonly string[],
): ReturnType<FleetStore['driverPresenceFacts']> {
  const rows = await run(pool, presenceFacts, { driverIds })
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

const members = statement(($: Parameters<{ driverIds: readonly string[] }>) =>
  db
    .selectFrom('drivers as d')
    .select(['d.id', 'd.transporter_id', IS_ONLINE, IS_BUSY])
    .where('d.id', '=', anyText($.driverIds)),
)

export async function membersAmong(
  pool: Pool,
  driverIds: readonly string[],
): ReturnType<FleetStore['membersAmong']> {
  const rows = await run(pool, members, { driverIds })
  return new Map(
    rows.map(row => [
      row.id,
      { transporterId: row.transporter_id, isSwitchedOn: row.is_online, isBusy: row.is_busy },
    ]),
  )
}
