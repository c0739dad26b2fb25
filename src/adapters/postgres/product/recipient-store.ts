import type { Pool } from 'pg'
import { v7 as uuidv7 } from 'uuid'
import {
  type OfferEntry,
  type Offered,
  PUSHED_AFTER_MS,
  type RecipientStore,
} from '../../../dispatch/ports.js'
import { gathered } from '../../../runtime/gathered.js'
import { type LookUp, query } from '../connection/query.js'
import { contextOf } from '../engine/stored-json.js'
import { devicesOf } from './devices-of.js'
import { isActiveTransporter } from './fleet/people.js'
import { seeking } from './reads/live-requests.js'

/**
 * `live` locks the requests that still seek until the offers are written. An ending that is under way is
 * waited for, and the status looked at again; one that comes later waits for us and finds the offers.
 * Rows are written in one order everywhere, so that two offers at once cannot deadlock. One that was written at
 * this very step before is touched and so comes back too: it is not new, as its `offered_at` is not this statement's.
 * What is looked up by keys is `lateral`, with `offset 0` where nothing else keeps it apart: it cannot be planned the other
 * way round, from the whole of a table to the entries.
 * What is new is queued to be pushed to the transporter's devices, so that no offer is made that nobody would push.
 */
const offerBy: LookUp = {
  name: 'offer',
  text: `
with entry as materialized (
  select * from unnest($1::uuid[], $2::text[], $3::text[], $4::real[], $5::text[])
    as e (broadcast_id, transporter_id, step, distance_km, reason)
), live as materialized (
  select seeking.* from (select distinct broadcast_id as id from entry order by 1) asked
  cross join lateral (
    select i.id, i.version, c."expiresAt" as expires_at, json_array_length(c.trucks) as trucks
    from {instances} i cross join lateral ${contextOf('i', '"expiresAt" float8, trucks json')}
    where i.id = asked.id and i.status in ('searching', 'partially_filled')
    for share of i
  ) seeking
), judged as materialized (
  select e.broadcast_id, e.transporter_id, e.step, e.distance_km, case
      when e.reason is not null then e.reason
      when not ${isActiveTransporter('e.transporter_id')} then 'user_inactive'
      when not coalesce(t.is_available, false) then 'not_available'
    end as reason
  from entry e
  join live on live.id = e.broadcast_id
  left join transporters t on t.id = e.transporter_id
  order by e.broadcast_id, e.transporter_id
), before as (
  select live.id as broadcast_id, n.notified from live
  cross join lateral (
    select count(*) as notified from recipients r where r.broadcast_id = live.id and r.offered_at is not null
  ) n
), written as (
  insert into recipients as r (broadcast_id, transporter_id, step, distance_km, offered_at, reason)
  select j.broadcast_id, j.transporter_id, j.step, j.distance_km,
    case when j.reason is null then now() end, j.reason
  from judged j
  on conflict (broadcast_id, transporter_id) do update set
    step = excluded.step,
    distance_km = case when r.offered_at is null then excluded.distance_km else r.distance_km end,
    offered_at = coalesce(r.offered_at, excluded.offered_at),
    reason = excluded.reason
  where r.offered_at is null or (r.step = excluded.step and excluded.offered_at is not null)
  returning r.broadcast_id, r.transporter_id, r.distance_km, r.offered_at
), pushed as (
  insert into pushes (envelope_id, device_id, user_id, role, broadcast_id, message, is_offer, ends_at, due_at)
  select l.id || ':offer', d.id, d.user_id, d.role, l.id, jsonb_build_object(
      'type', 'new_broadcast', 'broadcastId', l.id, 'version', l.version, 'trucks', l.trucks),
    true, to_timestamp(l.expires_at / 1000), now() + $6::float8 * interval '1 millisecond'
  from written w
  join live l on l.id = w.broadcast_id
  cross join lateral ${devicesOf('w.transporter_id', "'transporter'")}
  where w.offered_at = now()
  order by 1, 2
  on conflict (envelope_id, device_id) do nothing
)
select w.broadcast_id as "broadcastId", w.transporter_id as "transporterId",
  w.distance_km as "distanceKm", w.offered_at = now() as "isNew",
  (coalesce(b.notified, 0) + count(*) filter (where w.offered_at = now()) over (partition by w.broadcast_id))::integer
    as notified
from written w left join before b on b.broadcast_id = w.broadcast_id
where w.offered_at is not null`,
}

/** Beyond it the time to plan is a small part, and how many there are decides which plan is best. */
const MAX_PLANNED_BEFORE = 100

async function offer(pool: Pool, lookups: Pool, entries: readonly OfferEntry[]): Promise<readonly Offered[]> {
  if (entries.length === 0) return []
  const values = [
    entries.map(entry => entry.broadcastId),
    entries.map(entry => entry.transporterId),
    entries.map(entry => entry.step),
    entries.map(entry => entry.distanceKm ?? null),
    entries.map(entry => entry.reason ?? null),
    PUSHED_AFTER_MS,
  ]
  return entries.length > MAX_PLANNED_BEFORE
    ? query(pool, offerBy.text, values)
    : query(lookups, offerBy, values)
}

interface OfferedQuestion {
  readonly broadcastId: string
  readonly step: string | undefined
}

const offeredBy: LookUp = {
  name: 'offered',
  text: `
select q.n::integer as n, r.transporter_id from unnest($1::uuid[], $2::text[]) with ordinality as q (broadcast_id, step, n)
cross join lateral (
  select transporter_id from recipients
  where broadcast_id = q.broadcast_id and offered_at is not null and (q.step is null or step = q.step)
  offset 0
) r`,
}

async function offered(
  pool: Pool,
  questions: readonly OfferedQuestion[],
): Promise<readonly (readonly string[])[]> {
  const rows = await query<{ n: number; transporter_id: string }>(pool, offeredBy, [
    questions.map(({ broadcastId }) => broadcastId),
    questions.map(({ step }) => step ?? null),
  ])
  const lists: string[][] = questions.map(() => [])
  for (const { n, transporter_id } of rows) lists[n - 1]?.push(transporter_id)
  return lists
}

const offeredSinceSql = `
select r.broadcast_id as "broadcastId", r.transporter_id as "transporterId", r.distance_km as "distanceKm",
  false as "isNew", r.notified
from ${seeking}
join lateral (
  select n.*, count(*) over ()::integer as notified from recipients n
  where n.broadcast_id = i.id and n.offered_at is not null
) r on r.offered_at >= to_timestamp($1::float8 / 1000)
where s.key like 'customer:%'
order by r.broadcast_id`

const declineSql = `
with declined as (
  update recipients set declined_at = clock_timestamp(), decline_reason = $3
  where broadcast_id = $1 and transporter_id = $2 and offered_at is not null and declined_at is null
  returning broadcast_id, transporter_id, decline_reason
)
insert into answers (id, transporter_id, broadcast_id, outcome, reason)
select $4, transporter_id, broadcast_id, 'DECLINED', decline_reason from declined
on conflict do nothing
returning 1`

async function decline(pool: Pool, broadcastId: string, transporterId: string, reason: string | undefined) {
  const values = [broadcastId, transporterId, reason ?? null, uuidv7()]
  return (await query(pool, declineSql, values)).length === 1
}

/** Asked after one's own decline is committed: of two last ones at once, one at least finds that both are. */
const haveAllDeclinedBy: LookUp = {
  name: 'have_all_declined',
  text: `
select coalesce((
  select bool_and(r.declined_at is not null) from recipients r
  where r.broadcast_id = q.broadcast_id and r.offered_at is not null
), false) as "haveAll"
from unnest($1::uuid[]) with ordinality as q (broadcast_id, n)
order by q.n`,
}

async function haveAllDeclined(pool: Pool, broadcastIds: readonly string[]): Promise<readonly boolean[]> {
  const rows = await query<{ haveAll: boolean }>(pool, haveAllDeclinedBy, [broadcastIds])
  return rows.map(({ haveAll }) => haveAll)
}

/** `lookups`: for what is asked by key. */
export function createRecipientStore(pool: Pool, lookups: Pool = pool): RecipientStore {
  // Sockets and push ask for the same in the same moment, of each request that ends.
  const offeredOf = gathered(
    ({ broadcastId, step }: OfferedQuestion) => `${broadcastId} ${step}`,
    questions => offered(lookups, questions),
  )
  return {
    offer: entries => offer(pool, lookups, entries),
    offered: (broadcastId, step) => offeredOf({ broadcastId, step }),
    offeredSince: since => query<Offered>(pool, offeredSinceSql, [since]),
    decline: (broadcastId, transporterId, reason) => decline(pool, broadcastId, transporterId, reason),
    haveAllDeclined: gathered(
      broadcastId => broadcastId,
      broadcastIds => haveAllDeclined(lookups, broadcastIds),
    ),
  }
}
