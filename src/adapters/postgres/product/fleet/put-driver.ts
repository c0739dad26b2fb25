import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { FleetStore } from '../../../../dispatch/ports.js'
import { db, type Parameters, statement } from '../../connection/statement.js'
import { ONE_ROW } from '../columns.js'
import { type DriverRow, INVITED, isFound, LISTED, MEMBER, toDriver } from './drivers.js'
import { inTurn } from './turn.js'

export interface DriverOfFleet {
  readonly driverId: string
  readonly transporterId: string
}

interface PutValues extends DriverOfFleet {
  readonly name: string
  readonly phone: string | null
  readonly maxFleet: number
}

/**
 * Changes the driver if it is in this fleet, or invites it if it is in none. What a fleet has is counted in the transporter's
 * turn. `holder` is whose it was when the statement began.
 * Over 70 lines because it is one statement.
 */
const driverPut = statement(($: Parameters<PutValues>) =>
  db
    .with('changed', query =>
      query
        .updateTable('drivers as d')
        .set({ name: $.name, phone: $.phone })
        .where('d.id', '=', $.driverId)
        .where('d.transporter_id', '=', $.transporterId)
        .returning([
          'd.id',
          'd.transporter_id',
          'd.name',
          'd.phone',
          'd.is_online',
          'd.vehicle_id',
          'd.created_at',
        ]),
    )
    .with(
      cte => cte('holder').materialized(),
      query => query.selectFrom('drivers').select('transporter_id').where('id', '=', $.driverId),
    )
    .with(
      cte => cte('room').materialized(),
      query =>
        query.selectNoFrom(eb =>
          eb
            .or([
              eb.exists(
                eb
                  .selectFrom('driver_invitations')
                  .where('driver_id', '=', $.driverId)
                  .where('transporter_id', '=', $.transporterId),
              ),
              sql<boolean>`(select count(*) from drivers where transporter_id = ${$.transporterId})
                  + (select count(*) from driver_invitations where transporter_id = ${$.transporterId}) < ${$.maxFleet}`,
            ])
            .as('is_room'),
        ),
    )
    .with('invited', query =>
      query
        .insertInto('driver_invitations')
        .columns(['driver_id', 'transporter_id', 'name', 'phone'])
        .expression(eb =>
          eb
            .selectFrom('room')
            .select([
              sql<string>`${$.driverId}`.as('driver_id'),
              sql<string>`${$.transporterId}`.as('transporter_id'),
              sql<string>`${$.name}`.as('name'),
              sql<string | null>`${$.phone}`.as('phone'),
            ])
            .where('is_room', '=', sql.lit(true))
            .where(({ not, exists }) => not(exists(query.selectFrom('holder')))),
        )
        .onConflict(conflict =>
          conflict.columns(['driver_id', 'transporter_id']).doUpdateSet(eb => ({
            name: eb.ref('excluded.name'),
            phone: eb.ref('excluded.phone'),
          })),
        )
        .returning([
          'driver_id',
          'transporter_id',
          'name',
          'phone',
          'invited_at',
          sql<boolean>`driver_invitations.xmax = 0`.as('is_new'),
        ]),
    )
    .with('put', query =>
      query
        .selectFrom('changed as d')
        .select(MEMBER)
        .unionAll(query.selectFrom('invited as i').select(INVITED)),
    )
    .selectFrom(ONE_ROW)
    .leftJoin(
      eb => eb.selectFrom('put as d').select(LISTED).as('d'),
      join => join.onTrue(),
    )
    .selectAll('d')
    .select(eb => [
      eb.selectFrom('invited').select('is_new').as('is_new'),
      eb.selectFrom('holder').select('transporter_id').as('holder'),
    ]),
)

/** Each retry means that the driver left the fleet at the same moment. */
const MAX_PUTS = 3

export async function putDriver(
  pool: Pool,
  transporterId: string,
  { id, name, phone }: { id: string; name: string; phone?: string },
  maxFleet: number,
): ReturnType<FleetStore['putDriver']> {
  const values = { driverId: id, transporterId, name, phone: phone ?? null, maxFleet }
  for (let puts = 1; ; puts++) {
    const [row] = await inTurn(pool, transporterId, driverPut, values)
    if (row === undefined) throw new Error('a left join of one row gave none')
    if (isFound<DriverRow>(row))
      return { kind: row.is_new === true ? 'invited' : 'updated', driver: toDriver(row) }
    if (row.holder === null) return { kind: 'full' }
    if (row.holder !== transporterId || puts === MAX_PUTS) return { kind: 'taken' }
  }
}
