/*
 * Membership in fleets: a transporter invites and removes, a driver agrees and leaves. `drivers` holds the drivers that have
 * agreed, so each has one fleet at most. Code that takes a driver out of a fleet locks its row and then checks the claims, as
 * accept-facts.ts says.
 */
import type { Pool } from 'pg'
import type { FleetStore } from '../../../../dispatch/ports.js'
import { query } from '../../connection/query.js'
import { millis } from '../../engine/stored-instance.js'
import { type DriverRow, invitationsOf, listedColumns, membersOf, toDriver } from './drivers.js'
import { inTurn } from './turn.js'

/**
 * Changes the driver if it is in this fleet, or invites it if it is in none. `$5` is how many a fleet may have, and counts in
 * the transporter's turn. `holder` is whose it was when the statement began.
 */
const putDriverSql = `
with changed as (
  update drivers d set name = $3, phone = $4 where d.id = $1 and d.transporter_id = $2 returning d.*
), holder as materialized (
  select transporter_id from drivers where id = $1
), is_room as materialized (
  select exists (select from driver_invitations where driver_id = $1 and transporter_id = $2)
    or (select count(*) from drivers where transporter_id = $2)
      + (select count(*) from driver_invitations where transporter_id = $2) < $5 as is_room
), invited as (
  insert into driver_invitations as i (driver_id, transporter_id, name, phone)
  select $1, $2, $3, $4 from is_room where is_room and not exists (select from holder)
  on conflict (driver_id, transporter_id) do update set name = excluded.name, phone = excluded.phone
  returning i.*, i.xmax = 0 as is_new
), put as (
  ${membersOf('changed')}
  union all
  ${invitationsOf('invited')}
)
select d.*, (select is_new from invited) as is_new, (select transporter_id from holder) as holder
from (select) one left join (select ${listedColumns} from put d) as d on true`

type PutRow = DriverRow & { is_new: boolean | null; holder: string | null }

/** Each retry means that the driver left the fleet at the same moment. */
const MAX_PUTS = 3

export async function putDriver(
  pool: Pool,
  transporterId: string,
  { id, name, phone }: { id: string; name: string; phone?: string },
  maxFleet: number,
): ReturnType<FleetStore['putDriver']> {
  const values = [id, transporterId, name, phone ?? null, maxFleet]
  for (let puts = 1; ; puts++) {
    const [row] = await inTurn<PutRow>(pool, transporterId, putDriverSql, values)
    if (row === undefined) throw new Error('a left join of one row gave none')
    if (row.id !== null) return { kind: row.is_new === true ? 'invited' : 'updated', driver: toDriver(row) }
    if (row.holder === null) return { kind: 'full' }
    if (row.holder !== transporterId || puts === MAX_PUTS) return { kind: 'taken' }
  }
}

/** In the transporter's turn: otherwise a driver that agrees meanwhile would be in neither table for this statement. */
const deleteDriverSql = `
with withdrawn as (
  delete from driver_invitations where driver_id = $1 and transporter_id = $2 returning 1
), held as materialized (
  select id from drivers where id = $1 and transporter_id = $2 for update
), judged as materialized (
  select id, is_claimed('driver:' || id) as is_busy from held
), gone as (
  delete from drivers d using judged j where d.id = j.id and not j.is_busy
)
select case when is_busy then 'busy' else 'deleted' end as kind from judged
union all
select 'withdrawn' from withdrawn`

export async function deleteDriver(
  pool: Pool,
  transporterId: string,
  driverId: string,
): ReturnType<FleetStore['deleteDriver']> {
  const values = [driverId, transporterId]
  const [row] = await inTurn<{ kind: 'busy' | 'deleted' | 'withdrawn' }>(
    pool,
    transporterId,
    deleteDriverSql,
    values,
  )
  return row?.kind ?? 'missing'
}

/**
 * Turns the invitation into membership, and takes the driver out of the fleet before. It begins switched off and without a
 * vehicle, and keeps its place in the transporter's list. The update locks the row, which waits for a commit that relies on it,
 * before it checks the claims.
 */
const joinFleetSql = `
with invited as materialized (
  select * from driver_invitations where driver_id = $1 and transporter_id = $2 for update
), joined as (
  insert into drivers as d (id, transporter_id, name, phone, created_at, confirmed_at)
  select driver_id, transporter_id, name, phone, invited_at, now() from invited
  on conflict (id) do update set transporter_id = excluded.transporter_id, name = excluded.name, phone = excluded.phone,
    is_online = false, vehicle_id = null, created_at = excluded.created_at, confirmed_at = excluded.confirmed_at
  where not is_claimed('driver:' || d.id)
  returning d.id, d.transporter_id
), agreed as (
  delete from driver_invitations i using joined j where i.driver_id = j.id and i.transporter_id = j.transporter_id
)
select exists (select from joined) as has_joined, exists (select from invited) as is_invited,
  exists (select from drivers where id = $1 and transporter_id = $2) as is_member`

export async function joinFleet(
  pool: Pool,
  driverId: string,
  transporterId: string,
): ReturnType<FleetStore['joinFleet']> {
  type Row = { has_joined: boolean; is_invited: boolean; is_member: boolean }
  const [row] = await inTurn<Row>(pool, transporterId, joinFleetSql, [driverId, transporterId])
  if (row === undefined) throw new Error('a select without a table gave no row')
  if (row.has_joined) return 'joined'
  if (row.is_member) return 'unchanged'
  return row.is_invited ? 'busy' : 'missing'
}

const leaveFleetSql = `
with held as materialized (
  select id from drivers where id = $1 for update
), judged as materialized (
  select id, is_claimed('driver:' || id) as is_busy from held
), gone as (
  delete from drivers d using judged j where d.id = j.id and not j.is_busy
)
select is_busy from judged`

export async function leaveFleet(pool: Pool, driverId: string): ReturnType<FleetStore['leaveFleet']> {
  const [row] = await query<{ is_busy: boolean }>(pool, leaveFleetSql, [driverId])
  if (row === undefined) return 'unchanged'
  return row.is_busy ? 'busy' : 'left'
}

const fleetOfDriverSql = `
select (select transporter_id from drivers where id = $1) as transporter_id,
  coalesce((
    select json_agg(json_build_object('transporterId', i.transporter_id, 'invitedAt', ${millis('i.invited_at')})
      order by i.invited_at desc, i.transporter_id desc)
    from (
      select * from driver_invitations where driver_id = $1
      order by driver_id, invited_at desc, transporter_id desc limit $2
    ) as i
  ), '[]') as invitations`

export async function fleetOfDriver(
  pool: Pool,
  driverId: string,
  maxInvitations: number,
): ReturnType<FleetStore['fleetOfDriver']> {
  type Row = {
    transporter_id: string | null
    invitations: { transporterId: string; invitedAt: number }[]
  }
  const [row] = await query<Row>(pool, fleetOfDriverSql, [driverId, maxInvitations])
  if (row === undefined) throw new Error('a select without a table gave no row')
  return { transporterId: row.transporter_id, invitations: row.invitations }
}
