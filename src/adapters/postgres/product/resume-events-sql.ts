/*
 * A page of events for a reader that resumes: those recorded after `$1`, and older ones that were marked late after it.
 * `$2` to `$5` is the place to go on from, `$6` the page's length. Parts are materialized so that whatever the planner
 * thinks of the tables' sizes, it begins with the few rows that concern the reader.
 */
import { contextOf, payloadOf, tripStatusOf } from '../engine/stored-json.js'

const micros = (time: string) => `(extract(epoch from ${time}) * 1000000)::float8`
const timeOf = (parameter: string) => `to_timestamp(${parameter}::float8 / 1000000)`
const SINCE = timeOf('$1')

/**
 * Of one request: 500 trucks, each taken, given back and driven several times over. A limit also keeps the planner from
 * reading by time what all requests have.
 */
const MAX_EVENTS_EACH = 10_000

/** `parts`: CTEs; the last one, `found`, has the events that concern the reader. */
const pageSql = (parts: string) => `
with ${parts},
page as materialized (
  select e.* from found e
  where $2::float8 is null
    or (e.recorded_at, e.instance, e.version, e.index) > (${timeOf('$2')}, $3::uuid, $4::integer, $5::integer)
  order by e.recorded_at, e.instance, e.version, e.index
  limit $6
),
request as materialized (
  select i.id, i.machine, i.owner, c.*
  from {instances} i cross join lateral ${contextOf('i', 'pickup json, "drop" json, goods text')}
  where i.id = any(array(select p.instance from page p))
)
select p.instance, p.version, p.index, p.type, ${payloadOf('p')} as payload, p.audience,
  (extract(epoch from p.at) * 1000)::float8 as at, ${micros('p.recorded_at')} as "recordedAt",
  ${tripStatusOf('p', 'r.machine')} as "tripStatus", p.is_offered as "isOffered", r.owner as "customerId", r.pickup, r.drop, r.goods
from page p join request r on r.id = p.instance
order by p.recorded_at, p.instance, p.version, p.index`

/**
 * A trip has no events after its end. The end is stamped before it is recorded, by less than this. If a commit takes longer,
 * because its process was paused or cut off from the database, its events are marked late.
 */
const STAMP_LAG = "interval '1 minute'"

/** Events that are told to those who were offered the request; a test holds this against the table of announcements. */
export const TOLD_TO_OFFERED = ['broadcast.filled', 'broadcast.cancelled', 'broadcast.expired'] as const
const toldToOffered = TOLD_TO_OFFERED.map(type => `'${type}'`).join(', ')

/**
 * `mine`: the requests that concern the reader, and whether it was offered them. `$7`: the reader, `$10` in which role. `$8`: the smallest id of
 * a request to look at. `$9`: the same for requests that were only offered. Open and declined offers are two parts, because
 * each has an index.
 * `fresh`: those of them whose newest event was recorded after `$1`.
 */
const FRESH = `
mine as materialized (
  select m.instance, bool_or(m.is_offered) as is_offered from (
    select i.id as instance, false as is_offered from {instances} i
    where $10 = 'customer' and i.owner = $7 and i.id >= $8::uuid
    union all
    select t.instance, false from trips t
    where $10 = 'transporter' and t.transporter_id = $7 and t.id >= $8::uuid
      and (t.ended_at is null or t.ended_at > ${SINCE} - ${STAMP_LAG})
    union all
    select t.instance, false from trips t
    where $10 = 'driver' and t.driver_id = $7 and t.id >= $8::uuid
      and (t.ended_at is null or t.ended_at > ${SINCE} - ${STAMP_LAG})
    union all
    select r.broadcast_id, true from recipients r
    where $10 = 'transporter' and r.transporter_id = $7 and r.broadcast_id >= $9::uuid
      and r.offered_at is not null and r.declined_at is null
    union all
    select r.broadcast_id, true from recipients r
    where $10 = 'transporter' and r.transporter_id = $7 and r.broadcast_id >= $9::uuid
      and r.declined_at is not null
  ) m
  group by m.instance
),
fresh as materialized (
  select m.instance, m.is_offered from mine m
  where (
    select e.recorded_at from {events} e where e.instance = m.instance order by e.version desc, e.index desc limit 1
  ) > ${SINCE}
)`

/**
 * Finds late events by their audience. The reader's relation to the request is no help: its trip may have ended long ago,
 * and an accept that overtook its offer has left no row in `recipients`.
 * Events that are both late and fresh are found only here. Times are compared outside of `late_own`: inside, the planner
 * might use the index by time and read everyone's events.
 */
const LATE = `
late_own as materialized (
  select e.instance, e.version, e.index, e.late_at from {events} e
  where e.late_at is not null and e.audience @> array[$7::text]
),
late_ends as materialized (
  select e.instance, e.version, e.index, e.late_at from {events} e
  where $10::text = 'transporter' and e.late_at is not null and e.late_at > ${SINCE} and e.type in (${toldToOffered})
),
late as materialized (
  select l.instance, l.version, l.index, bool_or(l.is_offered) as is_offered from (
    select o.*, false as is_offered from late_own o
    union all
    select e.*, true from late_ends e
    cross join lateral (
      select from recipients r
      where r.broadcast_id = e.instance and r.transporter_id = $7 and r.offered_at is not null offset 0
    ) offered
  ) l
  where l.late_at > ${SINCE}
  group by l.instance, l.version, l.index
)`

export const eventsOfSql = pageSql(`${FRESH},${LATE},
found as (
  select e.*, f.is_offered from fresh f
  cross join lateral (
    select * from {events} e where e.instance = f.instance order by e.version desc, e.index desc
    limit ${MAX_EVENTS_EACH}
  ) e
  where e.recorded_at > ${SINCE} and (e.late_at is null or e.late_at <= ${SINCE})
    and ($7 = any(e.audience) or (f.is_offered and e.type in (${toldToOffered})))
  union all
  select e.*, l.is_offered from late l
  cross join lateral (
    select * from {events} e where e.instance = l.instance and e.version = l.version and e.index = l.index limit 1
  ) e
)`)

/** `$7`: the request. It has few events, so all of them are read. */
export const eventsInSql = pageSql(`
found as (
  select e.*, false as is_offered from (
    select * from {events} e where e.instance = $7::uuid order by e.version desc, e.index desc limit ${MAX_EVENTS_EACH}
  ) e
  where e.recorded_at > ${SINCE} or e.late_at > ${SINCE}
)`)
