import { sql } from 'kysely'
import type { Person } from '../../../../dispatch/ports.js'
import { db, type Parameters, statement } from '../../connection/statement.js'
import { timeFrom } from '../columns.js'
import { devicesOf, isDeviceOf } from '../devices-of.js'

/** Envelopes as JSON, each with a number, and people with the number of the envelope that is for them. */
interface QueueValues {
  readonly envelopes: string
  readonly numbers: readonly number[]
  readonly userIds: readonly string[]
  readonly roles: readonly Person['role'][]
}

export const queued = statement(($: Parameters<QueueValues>) =>
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

export const acknowledged = statement(($: Parameters<AcknowledgeValues>) =>
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

/** News that are late are news for a while yet; an offer that has ended stays ended. */
export const redriven = statement(($: Parameters<{ id: number }>) =>
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
