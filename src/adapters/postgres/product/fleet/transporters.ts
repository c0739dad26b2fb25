import type { Pool } from 'pg'
import type { FleetStore } from '../../../../dispatch/ports.js'
import { query } from '../../connection/query.js'
import { isActiveTransporter } from './people.js'

/** Changes within the window, `$4` milliseconds. */
const recent = `array(
    select c from unnest(t.changes) as c where c > now() - $4 * interval '1 millisecond' order by c
  )`

/**
 * One statement and so one row lock: toggles of one transporter take turns.
 * A transporter without a row is not available. What happened is read off the row that came out: it holds
 * another state than asked for only if the limit was reached, and `now()` among the changes only if we put it there.
 */
const setAvailableSql = `
insert into transporters as t (id, is_available, changes)
values ($1, $2, case when $2 then array[now()] else '{}' end)
on conflict (id) do update set
  is_available = case when cardinality(${recent}) < $3 then excluded.is_available else t.is_available end,
  changes = ${recent} || case
    when t.is_available is distinct from excluded.is_available and cardinality(${recent}) < $3
    then array[now()] else '{}' end
returning is_available, coalesce(changes[cardinality(changes)] = now(), false) as is_changed,
  (extract(epoch from changes[1] - now()) * 1000)::float8 + $4 as retry_after_ms`

export async function setTransporterAvailable(
  pool: Pool,
  transporterId: string,
  isAvailable: boolean,
  { changes, windowMs }: { changes: number; windowMs: number },
): ReturnType<FleetStore['setTransporterAvailable']> {
  const rows = await query<{ is_available: boolean; is_changed: boolean; retry_after_ms: number }>(
    pool,
    setAvailableSql,
    [transporterId, isAvailable, changes, windowMs],
  )
  const row = rows[0]
  if (row === undefined) throw new Error('an upsert without a condition answered no row')
  if (row.is_available !== isAvailable) {
    return { kind: 'limited', retryAfterMs: Math.max(0, row.retry_after_ms) }
  }
  return { kind: 'set', changed: row.is_changed }
}

/** By transporter: each may have thousands of vehicles, and one is enough. `limit` keeps it from reading them all. */
const availableOwnersSql = `
select t.id as transporter_id
from transporters t
cross join lateral (
  select from vehicles v where v.transporter_id = t.id and v.vehicle_type = any($1::text[]) limit 1
) owned
where t.is_available and ${isActiveTransporter('t.id')}
limit $2`

export async function availableOwners(
  pool: Pool,
  vehicleTypes: readonly string[],
  limit: number,
): Promise<readonly string[]> {
  const rows = await query<{ transporter_id: string }>(pool, availableOwnersSql, [vehicleTypes, limit])
  return rows.map(row => row.transporter_id)
}
