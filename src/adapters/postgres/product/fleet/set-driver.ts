import { sql } from 'kysely'
import pg, { type Pool } from 'pg'
import type { FleetStore } from '../../../../dispatch/ports.js'
import { db, type Parameters, run, statement } from '../../connection/statement.js'
import { ONE_ROW } from '../columns.js'
import { DRIVER, type DriverRow, isFound, toDriver, toVehicleNamed } from './drivers.js'

/** SQLSTATE foreign_key_violation: the vehicle was deleted while we named it. */
const FOREIGN_KEY_VIOLATION = '23503'

const VEHICLE_TYPE = sql<string | null>`(select v.vehicle_type from vehicles v where v.id = d.vehicle_id)`.as(
  'vehicle_type',
)

interface ChangeValues {
  readonly driverId: string
  /** Null where nothing shall change, as in `vehicleId`. */
  readonly isOnline: boolean | null
  readonly vehicleId: string | null
}

/**
 * A vehicle counts only if it is the transporter's own. A heartbeat that names what is known already locks no row: an
 * accept of this driver would find it locked.
 */
const driverSet = statement(($: Parameters<ChangeValues>) => {
  const isOnline = sql<boolean>`coalesce(${$.isOnline}, d.is_online)`
  const vehicleId = sql<string | null>`coalesce(${$.vehicleId}, d.vehicle_id)`
  const mayBeNamed = sql<boolean>`(${$.vehicleId}::text is null or exists (select from named))`
  return db
    .with('named', query =>
      query
        .selectFrom('vehicles as v')
        .innerJoin('drivers as d', 'd.transporter_id', 'v.transporter_id')
        .select('v.id')
        .where('d.id', '=', $.driverId)
        .where('v.id', '=', sql<string>`${$.vehicleId}`),
    )
    .with('changed', query =>
      query
        .updateTable('drivers as d')
        .set({ is_online: isOnline, vehicle_id: vehicleId })
        .where('d.id', '=', $.driverId)
        .where(mayBeNamed)
        .where(sql<boolean>`(d.is_online, d.vehicle_id) is distinct from (${isOnline}, ${vehicleId})`)
        .returning([...DRIVER, VEHICLE_TYPE]),
    )
    .with('now', query =>
      query
        .selectFrom('changed')
        .selectAll()
        .unionAll(eb =>
          eb
            .selectFrom('drivers as d')
            .select([...DRIVER, VEHICLE_TYPE])
            .where('d.id', '=', $.driverId)
            .where(mayBeNamed)
            .where(({ not, exists }) => not(exists(query.selectFrom('changed')))),
        ),
    )
    .selectFrom(ONE_ROW)
    .leftJoin('now', join => join.onTrue())
    .selectAll('now')
    .select(eb => eb.exists(eb.selectFrom('drivers').where('id', '=', $.driverId)).as('is_known'))
})

export async function setDriver(
  pool: Pool,
  driverId: string,
  { isSwitchedOn, vehicleId }: { isSwitchedOn?: boolean; vehicleId?: string },
): ReturnType<FleetStore['setDriver']> {
  const row = await runUnlessDeleted(pool, {
    driverId,
    isOnline: isSwitchedOn ?? null,
    vehicleId: vehicleId ?? null,
  })
  if (row === undefined) return { kind: 'vehicleNotInFleet' }
  if (row.is_known !== true) return { kind: 'missing' }
  if (!isFound<DriverRow>(row)) return { kind: 'vehicleNotInFleet' }
  return { kind: 'set', driver: toDriver(row), vehicle: toVehicleNamed(row) }
}

async function runUnlessDeleted(pool: Pool, values: ChangeValues) {
  try {
    const [row] = await run(pool, driverSet, values)
    return row
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === FOREIGN_KEY_VIOLATION) return undefined
    throw error
  }
}
