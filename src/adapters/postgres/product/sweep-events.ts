/**
 * Deletes delivered events older than `$1` milliseconds, the oldest `$2` of them, and moves the mark before which events
 * may be gone. Any number of processes may: each takes rows that nobody else holds. Commits only insert events, so none
 * waits for it. What is still to be delivered stays, and what is a dead letter, as it may be redriven.
 */
export const sweepEventsSql = `
with old as materialized (
  select e.ctid as place, greatest(e.recorded_at, e.late_at) as kept_until from {events} e
  where e.recorded_at < now() - $1::float8 * interval '1 millisecond'
    and (e.late_at is null or e.late_at < now() - $1::float8 * interval '1 millisecond')
    and not exists (
      select from {outbox} o where o.instance = e.instance and o.version = e.version and o.index = e.index)
    and not exists (
      select from {dead_letters} d where d.instance = e.instance and d.version = e.version and d.index = e.index)
  order by e.recorded_at
  limit $2
  for update skip locked
),
swept as (
  delete from {events} where ctid = any(array(select place from old)) returning 1
),
moved as (
  insert into {event_retention} as r (swept_before)
  select max(kept_until) + interval '1 microsecond' from old having count(*) > 0
  on conflict (is_only) do update set swept_before = greatest(r.swept_before, excluded.swept_before)
)
select 1 from swept`
