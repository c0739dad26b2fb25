/* What administrators look at. Nothing here is on a hot path; everything is bounded. */
import type { Pool } from 'pg'
import type {
  AdminActionRecord,
  AdminStore,
  InstanceDetail,
  InstanceSummary,
  RecipientRecord,
  TransporterFacts,
} from '../../../dispatch/ports.js'
import { query } from '../connection/query.js'
import { INSTANCE_COLUMNS } from '../engine/instances.js'
import { millis } from '../engine/stored-instance.js'
import { actorOf, eventOf } from '../engine/stored-json.js'
import { isActiveTransporter } from './fleet/people.js'
import { findInWindow } from './reads/window.js'
import { findStory } from './story.js'

/** Transitions shown of an instance. A request of 500 trucks has over a thousand; its history has pages. */
const JOURNAL_SHOWN = 100

const summaryColumns = `i.id, i.machine, i.definition_version as "definitionVersion", i.version, i.status, i.owner,
  ${millis('i.created_at')} as "createdAt", ${millis('i.updated_at')} as "updatedAt"`

/** One statement, so that all of it is of one moment. */
const findInstanceSql = `
select ${INSTANCE_COLUMNS},
  (select coalesce(json_agg(json_build_object('sendId', t.send_id, 'event', ${eventOf('t')}, 'generation', t.generation,
     'dueAt', ${millis("nullif(t.due_at, 'infinity')")}, 'leasedUntil', ${millis('t.leased_until')},
     'parked', case when t.due_at = 'infinity' then t.parked end, 'attempts', coalesce(t.attempts, 0),
     'error', t.last_error) order by t.due_at, t.generation, coalesce(t.ordinal, 0)), '[]')
   from {timers} t where t.instance = i.id) as timers,
  (select coalesce(jsonb_agg(c.key order by c.key), '[]') from {claims} c where c.instance = i.id) as claims,
  (select coalesce(jsonb_agg(jsonb_build_object('version', o.version, 'index', o.index, 'subscriber', o.subscriber,
     'attempts', o.attempts, 'dueAt', ${millis('o.due_at')}) order by o.version, o.index), '[]')
   from {outbox} o where o.instance = i.id) as undelivered,
  (select coalesce(json_agg(json_build_object('version', j.version, 'uid', j.uid, 'event', ${eventOf('j')},
     'status', j.status, 'actor', ${actorOf('j')}, 'at', ${millis('j.at')}) order by j.version desc), '[]')
   from (select * from {journal} where instance = i.id order by version desc limit ${JOURNAL_SHOWN}) as j) as journal
from {instances} i where i.id = $1`

const listRecipientsSql = `
select r.transporter_id as "transporterId", r.step, r.distance_km as "distanceKm",
  ${millis('r.offered_at')} as "offeredAt", r.reason, ${millis('r.declined_at')} as "declinedAt",
  r.decline_reason as "declineReason"
from recipients r
where r.broadcast_id = $1 and ($2::text is null or r.transporter_id > $2)
  and ($3::text is null or r.transporter_id = $3)
  and ($4::boolean is null or (r.offered_at is not null) = $4)
order by r.transporter_id limit $5`

const transporterFactsSql = `
select p.id is not null or t.id is not null as "isKnown", ${isActiveTransporter('$1')} as "isActive",
  coalesce(t.is_available, false) as "isAvailable",
  array(select distinct v.vehicle_type from vehicles v where v.transporter_id = $1 order by 1) as "vehicleTypes"
from (select) one
left join people p on p.id = $1 and p.role = 'transporter'
left join transporters t on t.id = $1`

const listActionsSql = `
select a.id, a.admin_id as "adminId", a.action, a.target, a.reason, a.detail, a.outcome,
  ${millis('a.begun_at')} as "begunAt", ${millis('a.settled_at')} as "settledAt"
from admin_actions a
where ($1::text is null or a.admin_id = $1) and ($2::uuid is null or a.id < $2)
order by a.id desc limit $3`

/** `oldest`: the one that has to leave the hour. Ids are made by the clocks of processes, which may be a minute off. */
const beginActionSql = `
with oldest as materialized (
  select begun_at from admin_actions
  where $7::int > 0 and admin_id = $2 and begun_at > now() - interval '1 hour'
    and id >= {first_id_at}(now() - interval '61 minutes')
  order by id desc offset greatest($7::int, 1) - 1 limit 1
), begun as (
  insert into admin_actions (id, admin_id, action, target, reason, detail)
  select $1::uuid, $2, $3, $4, $5, $6::jsonb where not exists (select from oldest)
)
select (extract(epoch from (select begun_at from oldest) + interval '1 hour' - now()) * 1000)::float8 as "waitMs"`

export function createAdminStore(pool: Pool): AdminStore {
  return {
    listInstances({ machine, status, owner }, { before, limit }) {
      const window =
        owner === undefined
          ? { of: 'true', values: [], before }
          : { of: 'w.owner = $2', values: [owner], before }
      return findInWindow<InstanceSummary>(pool, { columns: summaryColumns }, window, {
        machine,
        status,
        limit,
      })
    },
    async findInstance(id) {
      return (await query<InstanceDetail>(pool, findInstanceSql, [id]))[0]
    },
    findStory: id => findStory(pool, id),
    async isBroadcast(id) {
      const sql = "select 1 from {instances} where id = $1 and machine = 'broadcast'"
      return (await query(pool, sql, [id])).length === 1
    },
    listRecipients(broadcastId, { after, limit, transporterId, isOffered }) {
      return query<RecipientRecord>(pool, listRecipientsSql, [
        broadcastId,
        after ?? null,
        transporterId ?? null,
        isOffered ?? null,
        limit,
      ])
    },
    async transporterFacts(transporterId) {
      const [facts] = await query<TransporterFacts>(pool, transporterFactsSql, [transporterId])
      if (facts === undefined) throw new Error('a left join from one row answered none')
      return facts
    },
    async beginAction({ id, adminId, action, target, reason, detail }, perHour) {
      const values = [id, adminId, action, target, reason ?? null, JSON.stringify(detail), perHour]
      const [row] = await query<{ waitMs: number | null }>(pool, beginActionSql, values)
      return row?.waitMs ?? undefined
    },
    async settleAction(id, outcome) {
      await query(
        pool,
        'update admin_actions set outcome = $2, settled_at = clock_timestamp() where id = $1',
        [id, outcome],
      )
    },
    listActions({ before, limit, adminId }) {
      return query<AdminActionRecord>(pool, listActionsSql, [adminId ?? null, before ?? null, limit])
    },
  }
}
