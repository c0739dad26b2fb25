/* What happened to a request, from every table that has a part of it. One statement, so that all is of the same moment. */
import { type Expression, type RawBuilder, sql } from 'kysely'
import type { Pool } from 'pg'
import type { StoryRecord } from '../../../dispatch/ports.js'
import { db, type Parameters, run, statement } from '../connection/statement.js'
import { IS_DEAD } from '../engine/dead-timers.js'
import { millisOf } from './columns.js'
import { actorOf, eventOf } from './stored-json.js'

/** The newest of each kind. A request of 500 trucks has a thousand transitions, which its history shows in pages. */
const SHOWN_OF_EACH_KIND = sql.lit(200)

type Members = Readonly<Record<string, string | Expression<unknown>>>

/** An object from columns, which are given by name, and expressions. */
const detail = (members: Members) =>
  sql<StoryRecord['detail']>`jsonb_build_object(${sql.join(
    Object.entries(members).flatMap(([name, value]) => [
      sql.lit(name),
      typeof value === 'string' ? sql.ref(value) : value,
    ]),
  )})`

/** The same object without members that are null. */
const detailKnown = (members: Members) => sql<StoryRecord['detail']>`jsonb_strip_nulls(${detail(members)})`

interface Happening {
  /** Absent if the time is not on record. */
  readonly at?: RawBuilder<Date | null>
  readonly what: StoryRecord['what'] | RawBuilder<StoryRecord['what']>
  readonly who?: RawBuilder<string | null>
  readonly version?: RawBuilder<number | null>
  readonly detail: RawBuilder<StoryRecord['detail']>
}

/** The columns that all kinds of happenings have. */
const happening = ({ at, what, who, version, detail }: Happening) =>
  [
    (at ?? sql<Date | null>`null::timestamptz`).as('at'),
    (typeof what === 'string' ? sql<StoryRecord['what']>`${sql.lit(what)}` : what).as('what'),
    (who ?? sql<string | null>`null::text`).as('who'),
    (version ?? sql<number | null>`null::integer`).as('version'),
    detail.as('detail'),
  ] as const

const trail = (key: string) => sql`${actorOf('j')} ->> ${sql.lit(key)}`

/** When a UUIDv7 was created (RFC 9562 §5.7). Postgres has a function for it only from version 17 on. */
const timeOfUuid = (column: string) =>
  sql<Date>`to_timestamp(('x' || left(replace(${sql.ref(column)}::text, '-', ''), 12))::bit(48)::bigint / 1000.0)`

type Id = RawBuilder<string>

const transitions = (id: Id) =>
  db
    .selectFrom('loadcast.journal as j')
    .select(
      happening({
        at: sql.ref('j.at'),
        what: 'transition',
        who: sql`${actorOf('j')} ->> 'id'`,
        version: sql.ref('j.version'),
        detail: detailKnown({
          event: sql`${eventOf('j')} ->> 'type'`,
          status: 'j.status',
          role: trail('role'),
          reason: trail('reason'),
          trace: trail('trace'),
        }),
      }),
    )
    .where('j.instance', '=', id)
    .orderBy('j.version', 'desc')
    .limit(SHOWN_OF_EACH_KIND)

const offers = (id: Id) =>
  db
    .selectFrom('recipients as r')
    .select(
      happening({
        at: sql`min(r.offered_at)`,
        what: 'offered',
        detail: detail({
          step: 'r.step',
          transporters: sql`count(*)`,
          nearestKm: sql`round(min(r.distance_km))`,
          farthestKm: sql`round(max(r.distance_km))`,
        }),
      }),
    )
    .where('r.broadcast_id', '=', id)
    .where('r.offered_at', 'is not', null)
    .groupBy('r.step')

const passedOver = (id: Id) =>
  db
    .selectFrom('recipients as r')
    .select(
      happening({
        what: 'not_offered',
        detail: detail({ step: 'r.step', reason: 'r.reason', transporters: sql`count(*)` }),
      }),
    )
    .where('r.broadcast_id', '=', id)
    .where('r.offered_at', 'is', null)
    .groupBy(['r.step', 'r.reason'])

const answers = (id: Id) =>
  db
    .selectFrom('answers as a')
    .select(
      happening({
        at: timeOfUuid('a.id'),
        what: sql`case a.outcome when 'DECLINED' then 'declined' else 'refused' end`,
        who: sql.ref('a.transporter_id'),
        detail: detailKnown({
          code: sql`nullif(a.outcome, 'DECLINED')`,
          driverId: 'a.driver_id',
          vehicleId: 'a.vehicle_id',
          reason: 'a.reason',
        }),
      }),
    )
    .where('a.broadcast_id', '=', id)
    .orderBy('a.id', 'desc')
    .limit(SHOWN_OF_EACH_KIND)

const deadDeliveries = (id: Id) =>
  db
    .selectFrom('loadcast.dead_letters as d')
    .select(
      happening({
        at: sql.ref('d.died_at'),
        what: 'dead_letter',
        version: sql.ref('d.version'),
        detail: detail({
          id: sql`d.id::text`,
          subscriber: 'd.subscriber',
          attempts: 'd.attempts',
          error: 'd.error',
        }),
      }),
    )
    .where('d.instance', '=', id)
    .orderBy('d.id', 'desc')
    .limit(SHOWN_OF_EACH_KIND)

const deadTimers = (id: Id) =>
  db
    .selectFrom('loadcast.timers as t')
    .select(
      happening({
        at: sql.ref('t.died_at'),
        what: 'dead_letter',
        version: sql.ref('t.generation'),
        detail: detail({
          id: sql`t.dead_letter::text`,
          timer: 't.send_id',
          attempts: 't.attempts',
          error: 't.last_error',
        }),
      }),
    )
    .where('t.instance', '=', id)
    .where(sql.raw<boolean>(IS_DEAD))
    .orderBy('t.dead_letter', 'desc')
    .limit(SHOWN_OF_EACH_KIND)

const undelivered = (id: Id) =>
  db
    .selectFrom('loadcast.outbox as o')
    .select(
      happening({
        at: sql.ref('o.due_at'),
        what: 'undelivered',
        version: sql.ref('o.version'),
        detail: detail({ subscriber: 'o.subscriber', attempts: 'o.attempts' }),
      }),
    )
    .where('o.instance', '=', id)
    .orderBy('o.version', 'desc')
    .limit(SHOWN_OF_EACH_KIND)

const administration = (id: Id) =>
  db
    .selectFrom('admin_actions as a')
    .select(
      happening({
        at: sql.ref('a.begun_at'),
        what: 'administered',
        who: sql.ref('a.admin_id'),
        detail: detailKnown({ action: 'a.action', reason: 'a.reason', outcome: 'a.outcome' }),
      }),
    )
    .where('a.target', '=', sql<string>`${id}::uuid::text`)
    .orderBy('a.id', 'desc')
    .limit(SHOWN_OF_EACH_KIND)

const storyOf = statement(($: Parameters<{ id: string }>) =>
  db
    .selectFrom(
      db
        .selectFrom(transitions($.id).as('transitions'))
        .selectAll()
        .unionAll(({ parens }) => [
          offers($.id),
          passedOver($.id),
          parens(answers($.id)),
          parens(deadDeliveries($.id)),
          parens(deadTimers($.id)),
          parens(undelivered($.id)),
          parens(administration($.id)),
        ])
        .as('s'),
    )
    .select([millisOf<number | null>('s.at').as('at'), 's.what', 's.who', 's.version', 's.detail'])
    .orderBy('s.at', order => order.asc().nullsLast())
    .orderBy('s.version')
    .orderBy('s.what'),
)

export function findStory(pool: Pool, broadcastId: string): Promise<readonly StoryRecord[]> {
  return run(pool, storyOf, { id: broadcastId })
}
