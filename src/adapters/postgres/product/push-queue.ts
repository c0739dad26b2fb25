/*
 * The queue of pushes. Every statement that changes several rows takes them in the order of their key, so that no two
 * of them deadlock. `= any(…)` bounds what a join reads, however it is planned (see commit-statement.ts).
 */
import { type RawBuilder, sql } from 'kysely'
import type { Pool } from 'pg'
import type { LeasedPush, Person, PushQueue, PushSettlement } from '../../../dispatch/ports.js'
import { db, type Parameters, run, statement } from '../connection/statement.js'
import { millisOf, timeFrom } from './columns.js'
import { devicesOf, isDeviceOf } from './devices-of.js'

/** Envelopes as JSON, each with a number, and people with the number of the envelope that is for them. */
interface QueueValues {
  readonly envelopes: string
  readonly numbers: readonly number[]
  readonly userIds: readonly string[]
  readonly roles: readonly Person['role'][]
}

const queued = statement(($: Parameters<QueueValues>) =>
  db
    .insertInto('pushes')
    .columns(['envelope_id', 'device_id', 'user_id', 'role', 'broadcast_id', 'message', 'ends_at', 'due_at'])
    .expression(
      db
        .selectFrom(
          sql<{
            n: number
            user_id: string
            role: string
          }>`unnest(${$.numbers}::int[], ${$.userIds}::text[], ${$.roles}::text[])`.as<'w'>(
            sql`w (n, user_id, role)`,
          ),
        )
        .innerJoin(
          sql<{ n: number; envelope_id: string; message: unknown; ends_at: number; due_at: number }>`
            jsonb_to_recordset(${$.envelopes}::jsonb)`.as<'e'>(
            sql`e (n int, envelope_id text, message jsonb, ends_at float8, due_at float8)`,
          ),
          'e.n',
          'w.n',
        )
        .crossJoinLateral(() => devicesOf(sql.ref('w.user_id'), sql.ref('w.role')))
        .select([
          'e.envelope_id',
          'd.id',
          'd.user_id',
          'd.role',
          sql<string>`(e.message ->> 'broadcastId')::uuid`.as('broadcast_id'),
          'e.message',
          timeFrom(sql.ref('e.ends_at')).as('ends_at'),
          timeFrom(sql.ref('e.due_at')).as('due_at'),
        ])
        .orderBy('e.envelope_id')
        .orderBy('d.id'),
    )
    .onConflict(conflict => conflict.columns(['envelope_id', 'device_id']).doNothing()),
)

interface AcknowledgeValues {
  readonly envelopeIds: readonly string[]
  readonly userIds: readonly string[]
  readonly roles: readonly Person['role'][]
  readonly now: number
}

const acknowledged = statement(($: Parameters<AcknowledgeValues>) =>
  db
    .insertInto('pushes')
    .columns(['envelope_id', 'device_id', 'user_id', 'role', 'ends_at', 'due_at', 'outcome'])
    .expression(
      db
        .selectFrom(
          db
            .selectFrom(
              sql<{ envelope_id: string; user_id: string; role: string }>`
                unnest(${$.envelopeIds}::text[], ${$.userIds}::text[], ${$.roles}::text[])`.as<'n'>(
                sql`n (envelope_id, user_id, role)`,
              ),
            )
            .selectAll()
            .distinct()
            .as('a'),
        )
        .crossJoinLateral(() => devicesOf(sql.ref('a.user_id'), sql.ref('a.role')))
        .select([
          'a.envelope_id',
          'd.id',
          'd.user_id',
          'd.role',
          timeFrom($.now).as('ends_at'),
          timeFrom($.now).as('due_at'),
          sql<string>`'acknowledged'`.as('outcome'),
        ])
        .orderBy('a.envelope_id')
        .orderBy('d.id'),
    )
    .onConflict(conflict =>
      conflict
        .columns(['envelope_id', 'device_id'])
        .doUpdateSet(eb => ({ outcome: eb.ref('excluded.outcome'), due_at: eb.ref('excluded.due_at') }))
        .where('pushes.outcome', 'is', null),
    ),
)

/**
 * As whom a push is meant. The release before queues without a role; then the type of the event says it, or nothing does
 * ("Trip cancelled", a request's end).
 */
const ROLE_MEANT = sql<string | null>`coalesce(p.role, case p.message ->> 'type'
  when 'trip_assigned' then 'driver' when 'new_broadcast' then 'transporter' when 'truck_confirmed' then 'customer'
  when 'truck_released' then 'customer' when 'no_vehicles_available' then 'customer' end)`

/** Where nothing says the role, a push is sent only if the id has one role. */
const IS_FOR_ANOTHER = sql<boolean>`case when whom.role is null
  then (select count(*) from people where id = p.user_id) > 1
  else not ${isDeviceOf(sql.ref('p.user_id'), sql.ref('whom.role'))} end`

/** Whether a push `p`, joined with what it depends on, has nothing left to say. */
const hasEnded = (
  now: RawBuilder<Date>,
) => sql<boolean>`p.ends_at <= ${now} or p.user_id <> d.user_id or ${IS_FOR_ANOTHER}
  or exists (
    select from people o where o.id = p.user_id and not o.active and coalesce(o.role = whom.role, true)
  )
  or (p.is_offer and (
    coalesce(i.status, '') not in ('searching', 'partially_filled') or r.declined_at is not null))`

interface LeaseValues {
  readonly now: number
  readonly limit: number
  readonly leaseMs: number
  readonly perSecond: number
}

/** A process that finds the pace's row locked takes nothing this time: another is taking a batch. */
const leased = statement(($: Parameters<LeaseValues>) => {
  const now = timeFrom($.now)
  return db
    .with(
      cte => cte('pace').materialized(),
      query =>
        query.selectFrom('push_pace').select('free_at').where('free_at', '<=', now).forUpdate().skipLocked(),
    )
    .with(
      cte => cte('due').materialized(),
      query =>
        query
          .selectFrom('pushes as p')
          .select(['p.envelope_id', 'p.device_id'])
          .where('p.outcome', 'is', null)
          .where('p.due_at', '<=', now)
          .where(eb => eb.exists(eb.selectFrom('pace')))
          .orderBy('p.due_at')
          .limit($.limit)
          .forUpdate()
          .skipLocked(),
    )
    .with(
      cte => cte('judged').materialized(),
      query =>
        query
          .selectFrom('due')
          .innerJoin('pushes as p', join =>
            join.onRef('p.envelope_id', '=', 'due.envelope_id').onRef('p.device_id', '=', 'due.device_id'),
          )
          .innerJoin('devices as d', 'd.id', 'p.device_id')
          .crossJoinLateral(() => db.selectNoFrom(ROLE_MEANT.as('role')).as('whom'))
          .leftJoin('loadcast.instances as i', join =>
            join.on(sql<boolean>`p.is_offer`).onRef('i.id', '=', 'p.broadcast_id'),
          )
          .leftJoin('recipients as r', join =>
            join
              .on(sql<boolean>`p.is_offer`)
              .onRef('r.broadcast_id', '=', 'p.broadcast_id')
              .onRef('r.transporter_id', '=', 'p.user_id'),
          )
          .selectAll('p')
          .select(['d.token', 'd.platform', hasEnded(now).as('has_ended')])
          .where('p.envelope_id', '=', sql<string>`any(array(select envelope_id from due))`)
          .where('d.id', '=', sql<string>`any(array(select device_id from due))`),
    )
    .with('taken', query =>
      query
        .updateTable('pushes as p')
        .from('judged as j')
        .set({
          outcome: sql`case when j.has_ended then 'ended' end`,
          due_at: sql`case when j.has_ended then ${now} else ${timeFrom(sql`(${$.now} + ${$.leaseMs})`)} end`,
        })
        .whereRef('p.envelope_id', '=', 'j.envelope_id')
        .whereRef('p.device_id', '=', 'j.device_id')
        .where('p.envelope_id', '=', sql<string>`any(array(select envelope_id from due))`),
    )
    .with('paced', query =>
      query
        .updateTable('push_pace')
        .from(
          query
            .selectFrom('judged')
            .select(({ fn }) => fn.countAll().as('taken'))
            .where('has_ended', '=', sql.lit(false))
            .as('n'),
        )
        .set({ free_at: sql`${now} + n.taken * interval '1 second' / ${$.perSecond}` })
        .where('n.taken', '>', sql.lit(0)),
    )
    .selectFrom('judged')
    .select([
      'envelope_id as envelopeId',
      sql<string>`device_id::text`.as('deviceId'),
      'token',
      sql<LeasedPush['platform']>`platform`.as('platform'),
      sql<LeasedPush['content']>`message`.as('content'),
      'is_offer as isOffer',
      millisOf('ends_at').as('endsAt'),
      'attempts',
    ])
    .where('has_ended', '=', sql.lit(false))
    .orderBy('due_at')
})

/**
 * Dead pushes that are kept of one user: a day of offers on ten devices. A user can register tokens that FCM refuses for
 * ever, and dead letters stay until an operator has seen them. A batch may add its own to the last ones.
 */
const MAX_DEAD_PUSHES = 100

const DEAD_LETTER = sql<unknown>`jsonb_build_object(
  'envelopeId', envelope_id, 'deviceId', device_id, 'userId', user_id, 'role', role, 'type', message ->> 'type',
  'message', message, 'isOffer', is_offer, 'endsAt', ends_at)`

interface Given {
  readonly envelopeId: string
  readonly deviceId: string
  readonly kind: PushSettlement['kind']
  readonly dueAt: number | null
  readonly error: string | null
}

const settled = statement(($: Parameters<{ settlements: string; now: number; leasedAt: number }>) =>
  db
    .with(
      cte => cte('given').materialized(),
      query =>
        query
          .selectFrom(
            sql<Given>`jsonb_to_recordset(${$.settlements}::jsonb)`.as<'g'>(
              sql`g ("envelopeId" text, "deviceId" bigint, kind text, "dueAt" float8, error text)`,
            ),
          )
          .selectAll(),
    )
    .with(
      cte => cte('held').materialized(),
      query =>
        query
          .selectFrom('pushes as p')
          .innerJoin('given as g', join =>
            join.onRef('p.envelope_id', '=', 'g.envelopeId').onRef('p.device_id', '=', 'g.deviceId'),
          )
          .select(['p.envelope_id', 'p.device_id'])
          .where('p.outcome', 'is', null)
          .where('g.kind', '<>', sql.lit('unregistered'))
          .where('p.envelope_id', '=', sql<string>`any(array(select "envelopeId" from given))`)
          .orderBy('p.envelope_id')
          .orderBy('p.device_id')
          .forUpdate('p'),
    )
    .with('settled', query =>
      query
        .updateTable('pushes as p')
        .from('held as h')
        .innerJoin('given as g', join =>
          join.onRef('g.envelopeId', '=', 'h.envelope_id').onRef('g.deviceId', '=', 'h.device_id'),
        )
        .set({
          outcome: sql`case when g.kind <> 'retry' then g.kind end`,
          due_at: sql`case when g.kind = 'retry' then ${timeFrom(sql.ref('g.dueAt'))} else ${timeFrom($.now)} end`,
          attempts: sql`p.attempts + 1`,
        })
        .whereRef('p.envelope_id', '=', 'h.envelope_id')
        .whereRef('p.device_id', '=', 'h.device_id')
        .where('p.envelope_id', '=', sql<string>`any(array(select envelope_id from held))`)
        .returningAll('p')
        .returning(['g.kind', 'g.error']),
    )
    .with('buried', query =>
      query
        .insertInto('loadcast.dead_letters')
        .columns(['instance', 'version', 'index', 'subscriber', 'attempts', 'error', 'push'])
        .expression(eb =>
          eb
            .selectFrom('settled as s')
            .select([
              's.broadcast_id',
              sql<number>`(message ->> 'version')::int`.as('version'),
              sql.lit(0).as('index'),
              sql<string>`'push'`.as('subscriber'),
              's.attempts',
              's.error',
              DEAD_LETTER.as('push'),
            ])
            .where('kind', '=', sql.lit('dead'))
            .where(
              sql<boolean>`(select count(*) from (
                select from loadcast.dead_letters d where d.push is not null and d.push ->> 'userId' = s.user_id
                limit ${sql.lit(MAX_DEAD_PUSHES)}
              ) kept) < ${sql.lit(MAX_DEAD_PUSHES)}`,
            ),
        ),
    )
    .deleteFrom('devices as d')
    .using('given as g')
    .where('g.kind', '=', sql.lit('unregistered'))
    .whereRef('d.id', '=', 'g.deviceId')
    .where('d.registered_at', '<=', timeFrom($.leasedAt)),
)

/** News that are late are news for a while yet; an offer that has ended stays ended. */
const redriven = statement(($: Parameters<{ id: number }>) =>
  db
    .with('risen', query =>
      query
        .deleteFrom('loadcast.dead_letters')
        .where('id', '=', sql<string>`${$.id}`)
        .where('push', 'is not', null)
        .returning(['instance', 'push']),
    )
    .with('queued', query =>
      query
        .insertInto('pushes')
        .columns([
          'envelope_id',
          'device_id',
          'user_id',
          'role',
          'broadcast_id',
          'message',
          'is_offer',
          'ends_at',
          'due_at',
        ])
        .expression(eb =>
          eb
            .selectFrom('risen as r')
            .innerJoin('devices as d', join =>
              join
                .on('d.id', '=', sql<string>`(r.push ->> 'deviceId')::bigint`)
                .on('d.user_id', '=', sql<string>`r.push ->> 'userId'`),
            )
            .select([
              sql<string>`r.push ->> 'envelopeId'`.as('envelope_id'),
              'd.id',
              'd.user_id',
              sql<string | null>`r.push ->> 'role'`.as('role'),
              'r.instance',
              sql<unknown>`r.push -> 'message'`.as('message'),
              sql<boolean>`(r.push ->> 'isOffer')::boolean`.as('is_offer'),
              sql<Date>`case when (r.push ->> 'isOffer')::boolean then (r.push ->> 'endsAt')::timestamptz
                else greatest((r.push ->> 'endsAt')::timestamptz, clock_timestamp() + interval '1 hour') end`.as(
                'ends_at',
              ),
              sql<Date>`clock_timestamp()`.as('due_at'),
            ])
            .where(
              sql<boolean>`(r.push ->> 'role' is null
                or ${isDeviceOf(sql`(r.push ->> 'userId')`, sql`(r.push ->> 'role')`)})`,
            ),
        )
        .onConflict(conflict =>
          conflict
            .columns(['envelope_id', 'device_id'])
            .doUpdateSet(eb => ({
              outcome: null,
              attempts: sql.lit(0),
              ends_at: eb.ref('excluded.ends_at'),
              due_at: eb.ref('excluded.due_at'),
            }))
            .where('pushes.outcome', '=', sql.lit('dead')),
        ),
    )
    .selectFrom('risen')
    .select('instance'),
)

const swept = statement(($: Parameters<{ before: number; limit: number }>) =>
  db
    .deleteFrom('pushes')
    .where(
      sql<boolean>`ctid = any(array(${db
        .selectFrom('pushes')
        .select(sql`ctid`.as('ctid'))
        .where('outcome', 'is not', null)
        .where('due_at', '<', timeFrom($.before))
        .orderBy('due_at')
        .limit($.limit)
        .forUpdate()
        .skipLocked()}))`,
    )
    .returning(sql.lit(1).as('one')),
)

const paused = statement(($: Parameters<{ until: number }>) =>
  db.updateTable('push_pace').set({ free_at: sql`greatest(free_at, ${timeFrom($.until)})` }),
)

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
      await run(pool, queued, {
        envelopes: JSON.stringify(envelopes),
        numbers: whom.map(({ n }) => n),
        userIds: whom.map(({ person }) => person.id),
        roles: whom.map(({ person }) => person.role),
      })
    },
    async acknowledge(acknowledgements, now) {
      await run(pool, acknowledged, {
        envelopeIds: acknowledgements.map(({ envelopeId }) => envelopeId),
        userIds: acknowledgements.map(({ person }) => person.id),
        roles: acknowledgements.map(({ person }) => person.role),
        now,
      })
    },
    lease: values => run(pool, leased, values),
    async settle(settlements: readonly PushSettlement[], { now, leasedAt }) {
      await run(pool, settled, { settlements: JSON.stringify(settlements), now, leasedAt })
    },
    async pause(until) {
      await run(pool, paused, { until })
    },
    redrive: async id => (await run(pool, redriven, { id })).length === 1,
    sweep: async (before, limit) => (await run(pool, swept, { before, limit })).length,
  }
}
