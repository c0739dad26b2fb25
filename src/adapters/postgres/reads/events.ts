import type { Pool } from 'pg'
import type { Position } from '../../../dispatch/ports.js'
import type { EmittedEvent } from '../../../runtime/types.js'
import { query } from '../query.js'

/**
 * By the time at which they were told: when they were recorded, and once more when they were delivered late.
 * Each half walks its own index from `$1` on; a page begins where the last one ended.
 */
const eventsSinceSql = `
select e.instance, i.machine, e.version, e.index, e.type, e.payload, e.audience,
  (extract(epoch from e.at) * 1000)::float8 as at,
  (extract(epoch from e.told_at) * 1000000)::bigint as told_micros
from (
  select *, recorded_at as told_at from events where recorded_at >= to_timestamp($1::float8 / 1000)
  union all
  select *, late_at as told_at from events where late_at >= to_timestamp($1::float8 / 1000)
) e
join instances i on i.id = e.instance
where $2::bigint is null
  or ((extract(epoch from e.told_at) * 1000000)::bigint, e.instance, e.version, e.index) > ($2, $3::uuid, $4::int, $5::int)
order by told_micros, e.instance, e.version, e.index
limit $6`

type Row = EmittedEvent & { readonly told_micros: string }

export async function eventsSince(
  pool: Pool,
  since: number,
  { after, limit }: { after?: Position; limit: number },
): Promise<{ events: readonly EmittedEvent[]; next?: Position }> {
  const place = after?.split(' ') ?? []
  const from = place[0] === undefined ? since : Math.max(since, Math.floor(Number(place[0]) / 1000))
  const values = [0, 1, 2, 3].map(n => place[n] ?? null)
  const rows = await query<Row>(pool, eventsSinceSql, [from, ...values, limit])
  const events = rows.map(({ told_micros: _, ...event }) => event)
  const last = rows.length === limit ? rows.at(-1) : undefined
  if (last === undefined) return { events }
  return { events, next: `${last.told_micros} ${last.instance} ${last.version} ${last.index}` }
}
