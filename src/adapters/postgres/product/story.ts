/* What happened to a request, from every table that knows a part of it: one statement, so that it is of one moment. */
import type { Pool } from 'pg'
import type { StoryRecord } from '../../../dispatch/ports.js'
import { query } from '../connection/query.js'
import { IS_DEAD } from '../engine/dead-timers.js'
import { millis, timeOfUuid } from '../engine/stored-instance.js'
import { actorOf, eventOf } from '../engine/stored-json.js'

/** Of each kind the newest: a request of 500 trucks has a thousand transitions, and its journal has pages. */
const SHOWN_OF_EACH_KIND = 200

const newest = (sql: string, order: string) => `(${sql} order by ${order} limit ${SHOWN_OF_EACH_KIND})`

const storySql = `
select ${millis('s.at')} as at, s.what, s.who, s.version, s.detail from (
  ${newest(
    `select j.at, 'transition' as what, ${actorOf('j')} ->> 'id' as who, j.version,
       jsonb_strip_nulls(jsonb_build_object('event', ${eventOf('j')} ->> 'type', 'status', j.status, 'role', ${actorOf('j')} ->> 'role',
         'reason', ${actorOf('j')} ->> 'reason', 'trace', ${actorOf('j')} ->> 'trace')) as detail
     from {journal} j where j.instance = $1`,
    'j.version desc',
  )}
  union all
  select min(r.offered_at), 'offered', null, null,
    jsonb_build_object('step', r.step, 'transporters', count(*), 'nearestKm', round(min(r.distance_km)),
      'farthestKm', round(max(r.distance_km)))
  from recipients r where r.broadcast_id = $1 and r.offered_at is not null group by r.step
  union all
  select null::timestamptz, 'not_offered', null, null,
    jsonb_build_object('step', r.step, 'reason', r.reason, 'transporters', count(*))
  from recipients r where r.broadcast_id = $1 and r.offered_at is null group by r.step, r.reason
  union all
  ${newest(
    `select ${timeOfUuid('a.id')}, case a.outcome when 'DECLINED' then 'declined' else 'refused' end,
       a.transporter_id, null::integer,
       jsonb_strip_nulls(jsonb_build_object('code', nullif(a.outcome, 'DECLINED'), 'driverId', a.driver_id,
         'vehicleId', a.vehicle_id, 'reason', a.reason))
     from answers a where a.broadcast_id = $1`,
    'a.id desc',
  )}
  union all
  ${newest(
    `select d.died_at, 'dead_letter', null, d.version,
       jsonb_build_object('id', d.id::text, 'subscriber', d.subscriber, 'attempts', d.attempts, 'error', d.error)
     from {dead_letters} d where d.instance = $1`,
    'd.id desc',
  )}
  union all
  ${newest(
    `select t.died_at, 'dead_letter', null, t.generation,
       jsonb_build_object('id', t.dead_letter::text, 'timer', t.send_id, 'attempts', t.attempts, 'error', t.last_error)
     from {timers} t where t.instance = $1 and ${IS_DEAD}`,
    't.dead_letter desc',
  )}
  union all
  ${newest(
    `select o.due_at, 'undelivered', null, o.version,
       jsonb_build_object('subscriber', o.subscriber, 'attempts', o.attempts)
     from {outbox} o where o.instance = $1`,
    'o.version desc',
  )}
  union all
  ${newest(
    `select a.begun_at, 'administered', a.admin_id, null::integer,
       jsonb_strip_nulls(jsonb_build_object('action', a.action, 'reason', a.reason, 'outcome', a.outcome))
     from admin_actions a where a.target = $1::uuid::text`,
    'a.id desc',
  )}
) s
order by s.at nulls last, s.version, s.what`

export function findStory(pool: Pool, broadcastId: string): Promise<readonly StoryRecord[]> {
  return query<StoryRecord>(pool, storySql, [broadcastId])
}
