import { type RawBuilder, sql } from 'kysely'
import type { LeasedPush } from '../../../../dispatch/ports.js'
import { db, type Parameters, statement } from '../../connection/statement.js'
import { millisOf, timeFrom } from '../columns.js'
import { isDeviceOf } from '../devices-of.js'

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

/**
 * A process that finds the pace's row locked takes nothing this time: another is taking a batch.
 * Over 70 lines because it is one statement.
 */
export const leased = statement(($: Parameters<LeaseValues>) => {
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
