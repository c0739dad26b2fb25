/*
 * The queue of pushes. Every statement that changes several rows takes them in the order of their key, so that no two
 * of them deadlock. `= any(…)` bounds what a join reads, however it is planned (see commit-statement.ts).
 */
import type { Pool } from 'pg'
import type { LeasedPush, PushQueue, PushSettlement } from '../../../dispatch/ports.js'
import { query } from '../connection/query.js'
import { millis } from '../engine/stored-instance.js'
import { devicesOf, isDeviceOf } from './devices-of.js'

const time = (parameter: string) => `to_timestamp(${parameter}::float8 / 1000)`

/** $1: the envelopes, each with a number; $2, $3, $4: number, id and role of a person. */
const queueSql = `
insert into pushes (envelope_id, device_id, user_id, role, broadcast_id, message, ends_at, due_at)
select e.envelope_id, d.id, d.user_id, d.role, (e.message ->> 'broadcastId')::uuid, e.message,
  to_timestamp(e.ends_at / 1000), to_timestamp(e.due_at / 1000)
from unnest($2::int[], $3::text[], $4::text[]) as w (n, user_id, role)
join jsonb_to_recordset($1::jsonb) as e (n int, envelope_id text, message jsonb, ends_at float8, due_at float8)
  on e.n = w.n
cross join lateral ${devicesOf('w.user_id', 'w.role')}
order by e.envelope_id, d.id
on conflict (envelope_id, device_id) do nothing`

const acknowledgeSql = `
insert into pushes (envelope_id, device_id, user_id, role, ends_at, due_at, outcome)
select a.envelope_id, d.id, d.user_id, d.role, ${time('$4')}, ${time('$4')}, 'acknowledged'
from (select distinct * from unnest($1::text[], $2::text[], $3::text[]) as n (envelope_id, user_id, role)) as a
cross join lateral ${devicesOf('a.user_id', 'a.role')}
order by a.envelope_id, d.id
on conflict (envelope_id, device_id) do update set outcome = excluded.outcome, due_at = excluded.due_at
where pushes.outcome is null`

/**
 * As whom a push is meant. The release before queues without a role; then the type of the event says it, or nothing does
 * ("Trip cancelled", a request's end).
 */
const roleMeant = `coalesce(p.role, case p.message ->> 'type'
    when 'trip_assigned' then 'driver' when 'new_broadcast' then 'transporter' when 'truck_confirmed' then 'customer'
    when 'truck_released' then 'customer' when 'no_vehicles_available' then 'customer' end)`

/** Where nothing says the role it is sent only if the id has one role. */
const isForAnother = `case when whom.role is null
    then (select count(*) from people where id = p.user_id) > 1
    else not ${isDeviceOf('p.user_id', 'whom.role')} end`

/**
 * $1 now, $2 limit, $3 lease, $4 pushes a second. Who finds the pace's row locked takes nothing this time: another
 * process is taking a batch.
 */
const leaseSql = `
with pace as materialized (
  select free_at from push_pace where free_at <= ${time('$1')} for update skip locked
),
due as materialized (
  select p.envelope_id, p.device_id from pushes p
  where p.outcome is null and p.due_at <= ${time('$1')} and exists (select from pace)
  order by p.due_at
  limit $2
  for update skip locked
),
judged as materialized (
  select p.*, d.token, d.platform,
    p.ends_at <= ${time('$1')} or p.user_id <> d.user_id or ${isForAnother}
    or exists (
      select from people o where o.id = p.user_id and not o.active and coalesce(o.role = whom.role, true)
    )
    or (p.is_offer and (
      coalesce(i.status, '') not in ('searching', 'partially_filled') or r.declined_at is not null)) as has_ended
  from due
  join pushes p on p.envelope_id = due.envelope_id and p.device_id = due.device_id
  join devices d on d.id = p.device_id
  cross join lateral (select ${roleMeant} as role) whom
  left join {instances} i on p.is_offer and i.id = p.broadcast_id
  left join recipients r on p.is_offer and r.broadcast_id = p.broadcast_id and r.transporter_id = p.user_id
  where p.envelope_id = any(array(select envelope_id from due)) and d.id = any(array(select device_id from due))
),
taken as (
  update pushes p set
    outcome = case when j.has_ended then 'ended' end,
    due_at = case when j.has_ended then ${time('$1')} else ${time('($1 + $3)')} end
  from judged j
  where p.envelope_id = j.envelope_id and p.device_id = j.device_id
    and p.envelope_id = any(array(select envelope_id from due))
),
paced as (
  update push_pace set free_at = ${time('$1')} + n.taken * interval '1 second' / $4
  from (select count(*) as taken from judged where not has_ended) as n
  where n.taken > 0
)
select envelope_id as "envelopeId", device_id::text as "deviceId", token, platform, message as content,
  is_offer as "isOffer", ${millis('ends_at')} as "endsAt", attempts
from judged where not has_ended
order by due_at`

/**
 * Dead pushes that are kept of one user: a day of offers on ten devices. A user can register tokens that FCM refuses for
 * ever, and dead letters stay until an operator has seen them. A batch may add its own to the last ones.
 */
const MAX_DEAD_PUSHES = 100

/** $1 the settlements, $2 now, $3 when they were leased. */
const settleSql = `
with given as materialized (
  select * from jsonb_to_recordset($1::jsonb)
    as g ("envelopeId" text, "deviceId" bigint, kind text, "dueAt" float8, error text)
),
held as materialized (
  select p.envelope_id, p.device_id from pushes p join given g on p.envelope_id = g."envelopeId" and p.device_id = g."deviceId"
  where p.outcome is null and g.kind <> 'unregistered' and p.envelope_id = any(array(select "envelopeId" from given))
  order by p.envelope_id, p.device_id
  for update of p
),
settled as (
  update pushes p set
    outcome = case when g.kind <> 'retry' then g.kind end,
    due_at = case when g.kind = 'retry' then to_timestamp(g."dueAt" / 1000) else ${time('$2')} end,
    attempts = p.attempts + 1
  from held h join given g on g."envelopeId" = h.envelope_id and g."deviceId" = h.device_id
  where p.envelope_id = h.envelope_id and p.device_id = h.device_id
    and p.envelope_id = any(array(select envelope_id from held))
  returning p.*, g.kind, g.error
),
buried as (
  insert into {dead_letters} (instance, version, index, subscriber, attempts, error, push)
  select broadcast_id, (message ->> 'version')::int, 0, 'push', attempts, error, jsonb_build_object(
    'envelopeId', envelope_id, 'deviceId', device_id, 'userId', user_id, 'role', role, 'type', message ->> 'type',
    'message', message, 'isOffer', is_offer, 'endsAt', ends_at)
  from settled s where kind = 'dead' and (
    select count(*) from (
      select from {dead_letters} d where d.push is not null and d.push ->> 'userId' = s.user_id limit ${MAX_DEAD_PUSHES}
    ) kept
  ) < ${MAX_DEAD_PUSHES}
)
delete from devices d using given g
where g.kind = 'unregistered' and d.id = g."deviceId" and d.registered_at <= ${time('$3')}`

/** News that are late are news for a while yet; an offer that has ended stays ended. */
const redriveSql = `
with risen as (
  delete from {dead_letters} where id = $1 and push is not null returning instance, push
),
queued as (
  insert into pushes (envelope_id, device_id, user_id, role, broadcast_id, message, is_offer, ends_at, due_at)
  select push ->> 'envelopeId', d.id, d.user_id, push ->> 'role', r.instance, push -> 'message', (push ->> 'isOffer')::boolean,
    case when (push ->> 'isOffer')::boolean then (push ->> 'endsAt')::timestamptz
      else greatest((push ->> 'endsAt')::timestamptz, clock_timestamp() + interval '1 hour') end,
    clock_timestamp()
  from risen r join devices d on d.id = (push ->> 'deviceId')::bigint and d.user_id = push ->> 'userId'
    and (push ->> 'role' is null or ${isDeviceOf("push ->> 'userId'", "push ->> 'role'")})
  on conflict (envelope_id, device_id) do update set
    outcome = null, attempts = 0, ends_at = excluded.ends_at, due_at = excluded.due_at
  where pushes.outcome = 'dead'
)
select 1 from risen`

const sweepSql = `
delete from pushes where ctid = any(array(
  select ctid from pushes where outcome is not null and due_at < ${time('$1')}
  order by due_at limit $2 for update skip locked
))
returning 1`

const pauseSql = `update push_pace set free_at = greatest(free_at, ${time('$1')})`

export function createPushQueue(pool: Pool): PushQueue {
  return {
    async queue(pushes) {
      const envelopes = pushes.map(({ envelopeId, content, dueAt, endsAt }, n) => ({
        n,
        envelope_id: envelopeId,
        message: content,
        ends_at: endsAt,
        due_at: dueAt,
      }))
      const whom = pushes.flatMap(({ people }, n) => people.map(person => ({ n, person })))
      if (whom.length === 0) return
      await query(pool, queueSql, [
        JSON.stringify(envelopes),
        whom.map(({ n }) => n),
        whom.map(({ person }) => person.id),
        whom.map(({ person }) => person.role),
      ])
    },
    async acknowledge(acknowledgements, now) {
      const ids = acknowledgements.map(a => a.envelopeId)
      const userIds = acknowledgements.map(({ person }) => person.id)
      const roles = acknowledgements.map(({ person }) => person.role)
      await query(pool, acknowledgeSql, [ids, userIds, roles, now])
    },
    lease: ({ now, limit, leaseMs, perSecond }) =>
      query<LeasedPush>(pool, leaseSql, [now, limit, leaseMs, perSecond]),
    async settle(settlements: readonly PushSettlement[], { now, leasedAt }) {
      await query(pool, settleSql, [JSON.stringify(settlements), now, leasedAt])
    },
    async pause(until) {
      await query(pool, pauseSql, [until])
    },
    redrive: async id => (await query(pool, redriveSql, [id])).length === 1,
    sweep: async (before, limit) => (await query(pool, sweepSql, [before, limit])).length,
  }
}
