import { sql } from 'kysely'
import type { PushSettlement } from '../../../../dispatch/ports.js'
import { db, type Parameters, statement } from '../../connection/statement.js'
import { timeFrom } from '../columns.js'

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

/** Over 70 lines because it is one statement. */
export const settled = statement(($: Parameters<{ settlements: string; now: number; leasedAt: number }>) =>
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

export const swept = statement(($: Parameters<{ before: number; limit: number }>) =>
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

export const paused = statement(($: Parameters<{ until: number }>) =>
  db.updateTable('push_pace').set({ free_at: sql`greatest(free_at, ${timeFrom($.until)})` }),
)
