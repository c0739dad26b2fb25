import { sql } from 'kysely'
import type { Pool } from 'pg'
import { v7 as uuidv7 } from 'uuid'
import {
  type OfferEntry,
  type Offered,
  PUSHED_AFTER_MS,
  type RecipientStore,
} from '../../../dispatch/ports.js'
import { gathered } from '../../../runtime/gathered.js'
import { db, lookUp, type Parameters, run, statement } from '../connection/statement.js'
import { timeFrom } from './columns.js'
import { devicesOf } from './devices-of.js'
import { isActiveTransporter } from './fleet/people.js'
import { seeking } from './reads/live-requests.js'
import { contextOf } from './stored-json.js'

interface OfferValues {
  readonly broadcastIds: readonly string[]
  readonly transporterIds: readonly string[]
  readonly steps: readonly string[]
  readonly distancesKm: readonly (number | null)[]
  readonly reasons: readonly (string | null)[]
  readonly pushedAfterMs: number
}

/**
 * `live` locks the requests that still seek until the offers are written. The statement waits for an ending that is under
 * way, and then checks the status again. An ending that comes later waits for the offers and finds them.
 * Rows are written in the same order everywhere, so that two offers at once cannot deadlock. A row that was written before
 * at the same step is updated, so that it is returned too. It is not new, because its `offered_at` is older.
 * Look-ups by key are `lateral`, with `offset 0` where nothing else separates them. So they cannot be planned the other way
 * round, from a whole table to the entries.
 * New offers are queued to be pushed to the transporter's devices, so that each offer that is made is also pushed.
 */
const offerText = ($: Parameters<OfferValues>) => sql<Offered>`
with entry as materialized (
  select * from unnest(${$.broadcastIds}::uuid[], ${$.transporterIds}::text[], ${$.steps}::text[], ${$.distancesKm}::real[],
    ${$.reasons}::text[])
    as e (broadcast_id, transporter_id, step, distance_km, reason)
), live as materialized (
  select seeking.* from (select distinct broadcast_id as id from entry order by 1) asked
  cross join lateral (
    select i.id, i.version, c."expiresAt" as expires_at, json_array_length(c.trucks) as trucks
    from loadcast.instances i cross join lateral ${contextOf('i', '"expiresAt" float8, trucks json')}
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
    true, to_timestamp(l.expires_at / 1000), now() + ${$.pushedAfterMs}::float8 * interval '1 millisecond'
  from written w
  join live l on l.id = w.broadcast_id
  cross join lateral ${devicesOf(sql.ref('w.transporter_id'), sql.lit('transporter'))}
  where w.offered_at = now()
  order by 1, 2
  on conflict (envelope_id, device_id) do nothing
)
select w.broadcast_id as "broadcastId", w.transporter_id as "transporterId",
  w.distance_km as "distanceKm", w.offered_at = now() as "isNew",
  (coalesce(b.notified, 0) + count(*) filter (where w.offered_at = now()) over (partition by w.broadcast_id))::integer
    as notified
from written w left join before b on b.broadcast_id = w.broadcast_id
where w.offered_at is not null`

/** For more entries planning is a small part of the time, and their number decides which plan is best. */
const MAX_PLANNED_BEFORE = 100
const offerOfFew = lookUp('offer', offerText)
const offerOfMany = statement(offerText)

async function offer(pool: Pool, lookups: Pool, entries: readonly OfferEntry[]): Promise<readonly Offered[]> {
  if (entries.length === 0) return []
  const values = {
    broadcastIds: entries.map(entry => entry.broadcastId),
    transporterIds: entries.map(entry => entry.transporterId),
    steps: entries.map(entry => entry.step),
    distancesKm: entries.map(entry => entry.distanceKm ?? null),
    reasons: entries.map(entry => entry.reason ?? null),
    pushedAfterMs: PUSHED_AFTER_MS,
  }
  return entries.length > MAX_PLANNED_BEFORE
    ? run(pool, offerOfMany, values)
    : run(lookups, offerOfFew, values)
}

interface OfferedQuestion {
  readonly broadcastId: string
  readonly step: string | undefined
}

interface OfferedValues {
  readonly broadcastIds: readonly string[]
  readonly steps: readonly (string | null)[]
}

const offeredTo = lookUp(
  'offered',
  ($: Parameters<OfferedValues>) => sql<{ n: number; transporter_id: string }>`
select q.n::integer as n, r.transporter_id
from unnest(${$.broadcastIds}::uuid[], ${$.steps}::text[]) with ordinality as q (broadcast_id, step, n)
cross join lateral (
  select transporter_id from recipients
  where broadcast_id = q.broadcast_id and offered_at is not null and (q.step is null or step = q.step)
  offset 0
) r`,
)

async function offered(
  pool: Pool,
  questions: readonly OfferedQuestion[],
): Promise<readonly (readonly string[])[]> {
  const rows = await run(pool, offeredTo, {
    broadcastIds: questions.map(({ broadcastId }) => broadcastId),
    steps: questions.map(({ step }) => step ?? null),
  })
  const lists: string[][] = questions.map(() => [])
  for (const { n, transporter_id } of rows) lists[n - 1]?.push(transporter_id)
  return lists
}

const offersSince = statement(($: Parameters<{ since: number }>) =>
  seeking
    .innerJoinLateral(
      eb =>
        eb
          .selectFrom('recipients as n')
          .selectAll('n')
          .select(sql<number>`count(*) over ()::integer`.as('notified'))
          .whereRef('n.broadcast_id', '=', 'i.id')
          .where('n.offered_at', 'is not', null)
          .as('r'),
      join => join.on('r.offered_at', '>=', timeFrom($.since)),
    )
    .select([
      'r.broadcast_id as broadcastId',
      'r.transporter_id as transporterId',
      'r.distance_km as distanceKm',
      sql.lit<boolean>(false).as('isNew'),
      'r.notified',
    ])
    .orderBy('r.broadcast_id'),
)

interface DeclineValues {
  readonly broadcastId: string
  readonly transporterId: string
  readonly reason: string | null
  readonly answerId: string
}

const declined = statement(($: Parameters<DeclineValues>) =>
  db
    .with('declined', cte =>
      cte
        .updateTable('recipients')
        .set({ declined_at: sql<Date>`clock_timestamp()`, decline_reason: $.reason })
        .where('broadcast_id', '=', $.broadcastId)
        .where('transporter_id', '=', $.transporterId)
        .where('offered_at', 'is not', null)
        .where('declined_at', 'is', null)
        .returning(['broadcast_id', 'transporter_id', 'decline_reason']),
    )
    .insertInto('answers')
    .columns(['id', 'transporter_id', 'broadcast_id', 'outcome', 'reason'])
    .expression(eb =>
      eb
        .selectFrom('declined')
        .select([
          sql<string>`${$.answerId}::uuid`.as('id'),
          'transporter_id',
          'broadcast_id',
          sql.lit('DECLINED').as('outcome'),
          'decline_reason',
        ]),
    )
    .onConflict(conflict => conflict.doNothing())
    .returning('id'),
)

async function decline(
  pool: Pool,
  broadcastId: string,
  transporterId: string,
  reason: string | undefined,
): Promise<boolean> {
  const values = { broadcastId, transporterId, reason: reason ?? null, answerId: uuidv7() }
  return (await run(pool, declined, values)).length === 1
}

/** Read after the caller's own decline is committed. If the last two decline at once, at least one finds both. */
const allDeclined = lookUp(
  'have_all_declined',
  ($: Parameters<{ broadcastIds: readonly string[] }>) => sql<{ haveAll: boolean }>`
select coalesce((
  select bool_and(r.declined_at is not null) from recipients r
  where r.broadcast_id = q.broadcast_id and r.offered_at is not null
), false) as "haveAll"
from unnest(${$.broadcastIds}::uuid[]) with ordinality as q (broadcast_id, n)
order by q.n`,
)

async function haveAllDeclined(pool: Pool, broadcastIds: readonly string[]): Promise<readonly boolean[]> {
  const rows = await run(pool, allDeclined, { broadcastIds })
  return rows.map(({ haveAll }) => haveAll)
}

/** `lookups` is the pool for look-ups by key. */
export function createRecipientStore(pool: Pool, lookups: Pool = pool): RecipientStore {
  // Sockets and push read the same list at the same moment, for each request that ends.
  const offeredOf = gathered(
    ({ broadcastId, step }: OfferedQuestion) => `${broadcastId} ${step}`,
    questions => offered(lookups, questions),
  )
  return {
    offer: entries => offer(pool, lookups, entries),
    offered: (broadcastId, step) => offeredOf({ broadcastId, step }),
    offeredSince: since => run(pool, offersSince, { since }),
    decline: (broadcastId, transporterId, reason) => decline(pool, broadcastId, transporterId, reason),
    haveAllDeclined: gathered(
      broadcastId => broadcastId,
      broadcastIds => haveAllDeclined(lookups, broadcastIds),
    ),
  }
}
