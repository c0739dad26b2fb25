/*
 * A page of events for one who comes back: those recorded after `$1`, and older ones that were marked late after it.
 * `$2` to `$5` is the place to go on from, `$6` the page's length. Parts are materialized so that whatever the planner
 * thinks of the tables' sizes, it begins with the few requests the reader has to do with.
 */
const micros = (time: string) => `(extract(epoch from ${time}) * 1000000)::float8`
const timeOf = (parameter: string) => `to_timestamp(${parameter}::float8 / 1000000)`

/**
 * Of one request: 500 trucks, each taken, given back and driven several times over. A limit also keeps the planner from
 * reading by time what all requests have.
 */
const MAX_EVENTS_EACH = 10_000

/** `mine`: requests, and whether the reader is there as one who was offered it. `fits`: which of their events. */
const pageSql = (mine: string, fits: string) => `
with mine as materialized (${mine}),
fresh as materialized (
  select m.instance, m.is_offered from mine m
  where (
    select e.recorded_at from events e where e.instance = m.instance order by e.version desc, e.index desc limit 1
  ) > ${timeOf('$1')}
),
late as materialized (
  select e.* from events e where e.late_at > ${timeOf('$1')}
),
found as (
  select e.*, f.is_offered from fresh f
  cross join lateral (
    select * from events e where e.instance = f.instance order by e.version desc, e.index desc
    limit ${MAX_EVENTS_EACH}
  ) e
  where e.recorded_at > ${timeOf('$1')}
  union all
  select l.*, m.is_offered from late l join mine m on m.instance = l.instance
  where l.recorded_at <= ${timeOf('$1')}
),
page as materialized (
  select e.* from found e
  where ${fits} and (
    $2::float8 is null
    or (e.recorded_at, e.instance, e.version, e.index) > (${timeOf('$2')}, $3::uuid, $4::integer, $5::integer)
  )
  order by e.recorded_at, e.instance, e.version, e.index
  limit $6
),
request as materialized (
  select i.id, i.owner, i.snapshot #> '{context,pickup}' as pickup, i.snapshot #> '{context,drop}' as drop,
    i.snapshot #>> '{context,goods}' as goods
  from instances i where i.id = any(array(select p.instance from page p))
)
select p.instance, p.version, p.index, p.type, p.payload, p.audience,
  (extract(epoch from p.at) * 1000)::float8 as at, ${micros('p.recorded_at')} as "recordedAt",
  p.is_offered as "isOffered", r.owner as "customerId", r.pickup, r.drop, r.goods
from page p join request r on r.id = p.instance
order by p.recorded_at, p.instance, p.version, p.index`

/** A trip's events end with it; its end is stamped before it is recorded, by less than this. */
const STAMP_LAG = "interval '1 minute'"

/** Events that are told to those who were offered the request; a test holds this against the table of announcements. */
export const TOLD_TO_OFFERED = ['broadcast.filled', 'broadcast.cancelled', 'broadcast.expired'] as const
const toldToOffered = TOLD_TO_OFFERED.map(type => `'${type}'`).join(', ')

/** Offers in two parts, open and declined ones, as each part has an index. `$7`: the user; `$8`: no request with a smaller id is looked at; `$9`: nor one that was only offered. */
export const eventsOfSql = pageSql(
  `
  select m.instance, bool_or(m.is_offered) as is_offered from (
    select i.id as instance, false as is_offered from instances i where i.owner = $7 and i.id >= $8::uuid
    union all
    select t.instance, false from trips t
    where t.transporter_id = $7 and t.id >= $8::uuid
      and (t.ended_at is null or t.ended_at > ${timeOf('$1')} - ${STAMP_LAG})
    union all
    select t.instance, false from trips t
    where t.driver_id = $7 and t.id >= $8::uuid
      and (t.ended_at is null or t.ended_at > ${timeOf('$1')} - ${STAMP_LAG})
    union all
    select r.broadcast_id, true from recipients r
    where r.transporter_id = $7 and r.broadcast_id >= $9::uuid
      and r.offered_at is not null and r.declined_at is null
    union all
    select r.broadcast_id, true from recipients r
    where r.transporter_id = $7 and r.broadcast_id >= $9::uuid and r.declined_at is not null
  ) m
  group by m.instance`,
  `($7 = any(e.audience) or (e.is_offered and e.type in (${toldToOffered})))`,
)

/** `$7`: the request. */
export const eventsInSql = pageSql('select $7::uuid as instance, false as is_offered', 'true')
