/* Events that may have been missed, for telling them again. Times are milliseconds since the epoch. */
import type { Pool } from 'pg'
import type { Position, RecordedEvent } from '../../../../dispatch/ports.js'
import { query } from '../../connection/query.js'
import { payloadOf, tripStatusOf } from '../../engine/stored-json.js'

const from = 'to_timestamp($1::float8 / 1000)'
const micros = '(extract(epoch from e.recorded_at) * 1000000)::bigint'

/**
 * In the order in which they were recorded. Events that were recorded before but marked late since come first, and are
 * searched until the pages have passed them; `-infinity` is the condition of their index. `$2` to `$5`: the end of the last
 * page.
 */
const eventsSinceSql = `
select e.instance, i.machine, e.version, e.index, e.type, ${payloadOf('e')} as payload, e.audience,
  (extract(epoch from e.at) * 1000)::float8 as at, ${micros} as recorded_micros,
  ${tripStatusOf('e', 'i.machine')} as "tripStatus"
from (
  select * from {events} where recorded_at >= ${from}
    and ($2::bigint is null or recorded_at >= to_timestamp($2::float8 / 1000000 - 0.001))
  union all
  select * from {events} where late_at > '-infinity' and late_at >= ${from} and recorded_at < ${from}
    and ($2::bigint is null or to_timestamp($2::float8 / 1000000) < ${from})
) e
join {instances} i on i.id = e.instance
where $2::bigint is null or (${micros}, e.instance, e.version, e.index) > ($2, $3::uuid, $4::int, $5::int)
order by recorded_micros, e.instance, e.version, e.index
limit $6`

type Row = RecordedEvent & { readonly recorded_micros: string }

export async function eventsSince(
  pool: Pool,
  since: number,
  { after, limit }: { after?: Position; limit: number },
): Promise<{ events: readonly RecordedEvent[]; next?: Position }> {
  const place = after?.split(' ') ?? []
  const values = [0, 1, 2, 3].map(n => place[n] ?? null)
  const rows = await query<Row>(pool, eventsSinceSql, [since, ...values, limit])
  const events = rows.map(({ recorded_micros: _, ...event }) => event)
  const last = rows.length === limit ? rows.at(-1) : undefined
  if (last === undefined) return { events }
  return { events, next: `${last.recorded_micros} ${last.instance} ${last.version} ${last.index}` }
}

/** Processes that do it at once mark different rows; whoever finds none left is done. */
const markLateSql = `
with missed as materialized (
  select instance, version, index from {events}
  where recorded_at >= ${from} and (late_at is null or late_at < ${from})
  order by recorded_at
  limit $2
  for update skip locked
)
update {events} e set late_at = clock_timestamp()
from missed m
where e.instance = m.instance and e.version = m.version and e.index = m.index
  and e.instance = any(array(select instance from missed))
returning 1`

export async function markLate(pool: Pool, since: number, limit: number): Promise<number> {
  return (await query(pool, markLateSql, [since, limit])).length
}
