import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { FleetStore, Position, VehicleRecord } from '../../../../dispatch/ports.js'
import { db, type Parameters, run, statement } from '../../connection/statement.js'
import { ONE_ROW } from '../columns.js'
import { isClaimed, isClaimedNow } from './claims.js'
import { isFound } from './drivers.js'
import { type AfterValues, afterValues, isAfter, positionOf } from './position.js'
import { inTurn } from './turn.js'

interface VehicleRow {
  readonly id: string
  readonly position: string
  readonly transporter_id: string
  readonly vehicle_type: string
  readonly number: string
  readonly is_busy: boolean
}

/** Columns of a row `alias` of `vehicles`. */
const columnsOf = <TAlias extends string>(alias: TAlias) =>
  [
    `${alias}.id`,
    positionOf(alias).as('position'),
    `${alias}.transporter_id`,
    `${alias}.vehicle_type`,
    `${alias}.number`,
    isClaimed('vehicle', `${alias}.id`).as('is_busy'),
  ] as const

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

interface VehicleOfFleet {
  readonly id: string
  readonly transporterId: string
}

/** The vehicle of this fleet, whose row is then locked, and whether it is on a trip once it is. */
const heldVehicle = ($: Parameters<VehicleOfFleet>) =>
  db
    .with(
      cte => cte('held').materialized(),
      query =>
        query
          .selectFrom('vehicles')
          .select(['id', 'vehicle_type'])
          .where('id', '=', $.id)
          .where('transporter_id', '=', $.transporterId)
          .forUpdate(),
    )
    .with(
      cte => cte('judged').materialized(),
      query =>
        query.selectFrom('held').select(['id', 'vehicle_type', isClaimedNow('vehicle', 'id').as('is_busy')]),
    )

const driversOf = ($: Parameters<VehicleOfFleet>) =>
  sql<readonly string[]>`array(select d.id from drivers d where d.vehicle_id = ${$.id})`.as('drivers')

/**
 * Changes the type only if the row was locked and then found free, so that no accept takes a vehicle of another type: see
 * accept-facts.ts. Writes nothing if the vehicle is another transporter's or busy, or if its row appeared after the
 * statement began. A vehicle is added only where the fleet has room, which is counted in the transporter's turn.
 */
const vehiclePut = statement(
  ($: Parameters<VehicleOfFleet & { vehicleType: string; number: string; maxFleet: number }>) =>
    heldVehicle($)
      .with(
        cte => cte('room').materialized(),
        query =>
          query.selectNoFrom(eb =>
            eb
              .or([
                eb.exists(eb.selectFrom('vehicles').where('id', '=', $.id)),
                sql<boolean>`(select count(*) from vehicles where transporter_id = ${$.transporterId}) < ${$.maxFleet}`,
              ])
              .as('is_room'),
          ),
      )
      .with('put', query =>
        query
          .insertInto('vehicles')
          .columns(['id', 'transporter_id', 'vehicle_type', 'number'])
          .expression(eb =>
            eb
              .selectFrom('room')
              .select([
                sql<string>`${$.id}`.as('id'),
                sql<string>`${$.transporterId}`.as('transporter_id'),
                sql<string>`${$.vehicleType}`.as('vehicle_type'),
                sql<string>`${$.number}`.as('number'),
              ])
              .where('is_room', '=', sql.lit(true))
              .where(({ not, exists }) =>
                not(
                  exists(
                    query
                      .selectFrom('judged')
                      .where(sql<boolean>`is_busy and vehicle_type <> ${$.vehicleType}`),
                  ),
                ),
              ),
          )
          .onConflict(conflict =>
            conflict
              .column('id')
              .doUpdateSet(eb => ({
                vehicle_type: eb.ref('excluded.vehicle_type'),
                number: eb.ref('excluded.number'),
              }))
              .whereRef('vehicles.transporter_id', '=', 'excluded.transporter_id')
              .where(
                sql<boolean>`(vehicles.vehicle_type = excluded.vehicle_type or exists (select from judged))`,
              ),
          )
          .returning([...columnsOf('vehicles'), sql<boolean>`vehicles.xmax = 0`.as('is_new')]),
      )
      .selectFrom(ONE_ROW)
      .leftJoin('put', join => join.onTrue())
      .selectAll('put')
      .select(eb => [
        // Null: there was no such vehicle, or it is another transporter's.
        eb
          .selectFrom('judged')
          .select(sql<boolean>`is_busy and vehicle_type <> ${$.vehicleType}`.as('is_busy'))
          .as('is_held_busy'),
        eb.selectFrom('room').select('is_room').as('is_room'),
        eb.selectFrom('vehicles').select('transporter_id').where('id', '=', $.id).as('holder'),
        driversOf($),
      ]),
)

type PutRow = VehicleRow & { readonly is_new: boolean }

/** Each retry means that another call put or deleted the same vehicle at the same moment. */
const MAX_PUTS = 5

export async function putVehicle(
  pool: Pool,
  transporterId: string,
  { id, vehicleType, number }: { id: string; vehicleType: string; number: string },
  maxFleet: number,
): ReturnType<FleetStore['putVehicle']> {
  for (let puts = 0; puts < MAX_PUTS; puts++) {
    const values = { id, transporterId, vehicleType, number, maxFleet }
    const [row] = await inTurn(pool, transporterId, vehiclePut, values)
    if (row === undefined) throw new Error('a left join of one row gave none')
    if (isFound<PutRow>(row)) {
      return { kind: row.is_new ? 'created' : 'updated', vehicle: toVehicle(row), drivers: row.drivers }
    }
    if (!row.is_room) return { kind: 'full' }
    if (row.is_held_busy === true) return { kind: 'busy' }
    if (row.holder !== null && row.holder !== transporterId) return { kind: 'taken' }
  }
  return { kind: 'busy' }
}

/** Locks the row as the deletion of a driver does. */
const vehicleDeleted = statement(($: Parameters<VehicleOfFleet>) =>
  heldVehicle($)
    .with('gone', query =>
      query
        .deleteFrom('vehicles as v')
        .using('judged as j')
        .whereRef('v.id', '=', 'j.id')
        .where('j.is_busy', '=', sql.lit(false)),
    )
    .selectFrom('judged')
    .select(['is_busy', driversOf($)]),
)

export async function deleteVehicle(
  pool: Pool,
  transporterId: string,
  vehicleId: string,
): ReturnType<FleetStore['deleteVehicle']> {
  const [row] = await run(pool, vehicleDeleted, { id: vehicleId, transporterId })
  if (row === undefined) return { kind: 'missing' }
  return row.is_busy ? { kind: 'busy' } : { kind: 'deleted', drivers: row.drivers }
}

/** The page first, then which of it are busy: else it is looked up for the whole fleet. */
const vehiclesOfFleet = statement(($: Parameters<AfterValues & { transporterId: string; limit: number }>) =>
  db
    .selectFrom(
      db
        .selectFrom('vehicles as v')
        .selectAll()
        .where('v.transporter_id', '=', $.transporterId)
        .where(isAfter('v', $))
        .orderBy('v.created_at', 'desc')
        .orderBy('v.id', 'desc')
        .limit($.limit)
        .as('v'),
    )
    .select(columnsOf('v'))
    .orderBy('v.created_at', 'desc')
    .orderBy('v.id', 'desc'),
)

export async function listVehicles(
  pool: Pool,
  transporterId: string,
  { after, limit }: { after?: Position; limit: number },
): Promise<readonly VehicleRecord[]> {
  const rows = await run(pool, vehiclesOfFleet, { transporterId, ...afterValues(after), limit })
  return rows.map(toVehicle)
}
