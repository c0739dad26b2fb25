/*
 * Membership in fleets: a transporter invites and removes, a driver agrees and leaves. `drivers` holds the drivers that have
 * agreed, so each has one fleet at most. Code that takes a driver out of a fleet locks its row and then checks the claims, as
 * accept-facts.ts says.
 */
import { sql } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import type { Pool } from 'pg'
import type { FleetStore } from '../../../../dispatch/ports.js'
import { db, type Parameters, run, statement } from '../../connection/statement.js'
import { millisOf } from '../columns.js'
import { isClaimedNow } from './claims.js'
import type { DriverOfFleet } from './put-driver.js'
import { inTurn } from './turn.js'

/** In the transporter's turn: otherwise a driver that agrees meanwhile would be in neither table for this statement. */
const driverDeleted = statement(($: Parameters<DriverOfFleet>) =>
  db
    .with('withdrawn', query =>
      query
        .deleteFrom('driver_invitations')
        .where('driver_id', '=', $.driverId)
        .where('transporter_id', '=', $.transporterId)
        .returning('driver_id'),
    )
    .with(
      cte => cte('held').materialized(),
      query =>
        query
          .selectFrom('drivers')
          .select('id')
          .where('id', '=', $.driverId)
          .where('transporter_id', '=', $.transporterId)
          .forUpdate(),
    )
    .with(
      cte => cte('judged').materialized(),
      query => query.selectFrom('held').select(['id', isClaimedNow('driver', 'id').as('is_busy')]),
    )
    .with('gone', query =>
      query
        .deleteFrom('drivers as d')
        .using('judged as j')
        .whereRef('d.id', '=', 'j.id')
        .where('j.is_busy', '=', sql.lit(false)),
    )
    .selectFrom('judged')
    .select(
      sql<'busy' | 'deleted' | 'withdrawn'>`case when is_busy then 'busy' else 'deleted' end`.as('kind'),
    )
    .unionAll(query =>
      query.selectFrom('withdrawn').select(sql<'busy' | 'deleted' | 'withdrawn'>`'withdrawn'`.as('kind')),
    ),
)

export async function deleteDriver(
  pool: Pool,
  transporterId: string,
  driverId: string,
): ReturnType<FleetStore['deleteDriver']> {
  const [row] = await inTurn(pool, transporterId, driverDeleted, { driverId, transporterId })
  return row?.kind ?? 'missing'
}

/**
 * Turns the invitation into membership, and takes the driver out of the fleet before. It begins switched off and without a
 * vehicle, and keeps its place in the transporter's list. The update locks the row, which waits for a commit that relies on it,
 * before it checks the claims.
 */
const fleetJoined = statement(($: Parameters<DriverOfFleet>) =>
  db
    .with(
      cte => cte('invited').materialized(),
      query =>
        query
          .selectFrom('driver_invitations')
          .selectAll()
          .where('driver_id', '=', $.driverId)
          .where('transporter_id', '=', $.transporterId)
          .forUpdate(),
    )
    .with('joined', query =>
      query
        .insertInto('drivers')
        .columns(['id', 'transporter_id', 'name', 'phone', 'created_at', 'confirmed_at'])
        .expression(eb =>
          eb
            .selectFrom('invited')
            .select([
              'driver_id',
              'transporter_id',
              'name',
              'phone',
              'invited_at',
              sql<Date>`now()`.as('now'),
            ]),
        )
        .onConflict(conflict =>
          conflict
            .column('id')
            .doUpdateSet(eb => ({
              transporter_id: eb.ref('excluded.transporter_id'),
              name: eb.ref('excluded.name'),
              phone: eb.ref('excluded.phone'),
              is_online: sql.lit(false),
              vehicle_id: null,
              created_at: eb.ref('excluded.created_at'),
              confirmed_at: eb.ref('excluded.confirmed_at'),
            }))
            .where(({ not }) => not(isClaimedNow('driver', 'drivers.id'))),
        )
        .returning(['id', 'transporter_id']),
    )
    .with('agreed', query =>
      query
        .deleteFrom('driver_invitations as i')
        .using('joined as j')
        .whereRef('i.driver_id', '=', 'j.id')
        .whereRef('i.transporter_id', '=', 'j.transporter_id'),
    )
    .selectNoFrom(eb => [
      eb.exists(eb.selectFrom('joined')).$castTo<boolean>().as('has_joined'),
      eb.exists(eb.selectFrom('invited')).$castTo<boolean>().as('is_invited'),
      eb
        .exists(
          eb.selectFrom('drivers').where('id', '=', $.driverId).where('transporter_id', '=', $.transporterId),
        )
        .$castTo<boolean>()
        .as('is_member'),
    ]),
)

export async function joinFleet(
  pool: Pool,
  driverId: string,
  transporterId: string,
): ReturnType<FleetStore['joinFleet']> {
  const [row] = await inTurn(pool, transporterId, fleetJoined, { driverId, transporterId })
  if (row === undefined) throw new Error('a select without a table gave no row')
  if (row.has_joined) return 'joined'
  if (row.is_member) return 'unchanged'
  return row.is_invited ? 'busy' : 'missing'
}

const fleetLeft = statement(($: Parameters<{ driverId: string }>) =>
  db
    .with(
      cte => cte('held').materialized(),
      query => query.selectFrom('drivers').select('id').where('id', '=', $.driverId).forUpdate(),
    )
    .with(
      cte => cte('judged').materialized(),
      query => query.selectFrom('held').select(['id', isClaimedNow('driver', 'id').as('is_busy')]),
    )
    .with('gone', query =>
      query
        .deleteFrom('drivers as d')
        .using('judged as j')
        .whereRef('d.id', '=', 'j.id')
        .where('j.is_busy', '=', sql.lit(false)),
    )
    .selectFrom('judged')
    .select('is_busy'),
)

export async function leaveFleet(pool: Pool, driverId: string): ReturnType<FleetStore['leaveFleet']> {
  const [row] = await run(pool, fleetLeft, { driverId })
  if (row === undefined) return 'unchanged'
  return row.is_busy ? 'busy' : 'left'
}

const fleetAndInvitations = statement(($: Parameters<{ driverId: string; maxInvitations: number }>) =>
  db.selectNoFrom(eb => [
    eb.selectFrom('drivers').select('transporter_id').where('id', '=', $.driverId).as('transporterId'),
    jsonArrayFrom(
      eb
        .selectFrom('driver_invitations as i')
        .select(['i.transporter_id as transporterId', millisOf('i.invited_at').as('invitedAt')])
        .where('i.driver_id', '=', $.driverId)
        // The order of an index, which ends at the limit.
        .orderBy('i.driver_id')
        .orderBy('i.invited_at', 'desc')
        .orderBy('i.transporter_id', 'desc')
        .limit($.maxInvitations),
    ).as('invitations'),
  ]),
)

export async function fleetOfDriver(
  pool: Pool,
  driverId: string,
  maxInvitations: number,
): ReturnType<FleetStore['fleetOfDriver']> {
  const [row] = await run(pool, fleetAndInvitations, { driverId, maxInvitations })
  if (row === undefined) throw new Error('a select without a table gave no row')
  return row
}
