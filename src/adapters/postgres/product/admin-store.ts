/* Reads of administrators, and the record of their actions. Nothing here is on a hot path, and everything is bounded. */
import { sql } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import type { Pool } from 'pg'
import type {
  AdminActionRecord,
  AdminStore,
  InstanceDetail,
  RecipientRecord,
} from '../../../dispatch/ports.js'
import type { Parked } from '../../../runtime/ports.js'
import { db, type Parameters, run, statement } from '../connection/statement.js'
import { isBelow, matches, millisOf, ONE_ROW } from './columns.js'
import { findInWindow, type PageValues, windowList } from './reads/window.js'
import { INSTANCE, SUMMARY } from './stored-broadcast.js'
import { actorOf, eventOf, type StoredObject } from './stored-json.js'
import { findStory } from './story.js'

/** Transitions shown of an instance. A request of 500 trucks has over a thousand, which its history shows in pages. */
const JOURNAL_SHOWN = sql.lit(100)

const allInstances = windowList(
  (rows, _: Parameters<PageValues>) => rows,
  page => page.select(SUMMARY),
)

const instancesOfOwner = windowList(
  (rows, $: Parameters<PageValues & { owner: string }>) => rows.where('w.owner', '=', $.owner),
  page => page.select(SUMMARY),
)

/** The parts of an instance `i`. */
const TIMERS = db
  .selectFrom('loadcast.timers as t')
  .select([
    't.send_id as sendId',
    eventOf('t').as('event'),
    't.generation',
    sql<number | null>`(extract(epoch from nullif(t.due_at, 'infinity')) * 1000)::float8`.as('dueAt'),
    millisOf<number | null>('t.leased_until').as('leasedUntil'),
    sql<Parked | null>`case when t.due_at = 'infinity' then t.parked end`.as('parked'),
    sql<number>`coalesce(t.attempts, 0)`.as('attempts'),
    't.last_error as error',
  ])
  .where('t.instance', '=', sql.ref<string>('i.id'))
  .orderBy('t.due_at')
  .orderBy('t.generation')
  .orderBy(sql`coalesce(t.ordinal, 0)`)
const CLAIMS = sql<readonly string[]>`array${db
  .selectFrom('loadcast.claims as c')
  .select('c.key')
  .where('c.instance', '=', sql.ref<string>('i.id'))
  .orderBy('c.key')}`
const UNDELIVERED = db
  .selectFrom('loadcast.outbox as o')
  .select(['o.version', 'o.index', 'o.subscriber', 'o.attempts', millisOf('o.due_at').as('dueAt')])
  .where('o.instance', '=', sql.ref<string>('i.id'))
  .orderBy('o.version')
  .orderBy('o.index')
const JOURNAL = db
  .selectFrom('loadcast.journal as j')
  .select([
    'j.version',
    'j.uid',
    eventOf('j').as('event'),
    'j.status',
    actorOf('j').as('actor'),
    millisOf('j.at').as('at'),
  ])
  .where('j.instance', '=', sql.ref<string>('i.id'))
  .orderBy('j.version', 'desc')
  .limit(JOURNAL_SHOWN)

/** One statement, so that all parts are of the same moment. */
const instanceDetail = statement(($: Parameters<{ id: string }>) =>
  db
    .selectFrom('loadcast.instances as i')
    .select(INSTANCE)
    .select([
      jsonArrayFrom(TIMERS).as('timers'),
      CLAIMS.as('claims'),
      jsonArrayFrom(UNDELIVERED).as('undelivered'),
      jsonArrayFrom(JOURNAL).as('journal'),
    ])
    .where('i.id', '=', $.id),
)

const broadcastOf = statement(($: Parameters<{ id: string }>) =>
  db
    .selectFrom('loadcast.instances')
    .select('id')
    .where('id', '=', $.id)
    .where('machine', '=', sql.lit('broadcast')),
)

interface RecipientFilter {
  readonly broadcastId: string
  readonly after: string | null
  readonly transporterId: string | null
  readonly isOffered: boolean | null
  readonly limit: number
}

const recipientsOf = statement(($: Parameters<RecipientFilter>) =>
  db
    .selectFrom('recipients as r')
    .select([
      'r.transporter_id as transporterId',
      'r.step',
      'r.distance_km as distanceKm',
      millisOf<number | null>('r.offered_at').as('offeredAt'),
      'r.reason',
      millisOf<number | null>('r.declined_at').as('declinedAt'),
      'r.decline_reason as declineReason',
    ])
    .where('r.broadcast_id', '=', $.broadcastId)
    .where(sql<boolean>`(${$.after}::text is null or r.transporter_id > ${$.after})`)
    .where(matches('r.transporter_id', $.transporterId))
    .where(sql<boolean>`(${$.isOffered}::boolean is null or (r.offered_at is not null) = ${$.isOffered})`)
    .orderBy('r.transporter_id')
    .limit($.limit),
)

const factsOfTransporter = statement(($: Parameters<{ id: string }>) =>
  db
    .selectFrom(ONE_ROW)
    .leftJoin('people as p', join => join.on('p.id', '=', $.id).on('p.role', '=', sql.lit('transporter')))
    .leftJoin('transporters as t', join => join.on('t.id', '=', $.id))
    .select([
      sql<boolean>`p.id is not null or t.id is not null`.as('isKnown'),
      sql<boolean>`coalesce(p.active, true)`.as('isActive'),
      sql<boolean>`coalesce(t.is_available, false)`.as('isAvailable'),
      sql<readonly string[]>`array${db
        .selectFrom('vehicles as v')
        .select('v.vehicle_type')
        .distinct()
        .where('v.transporter_id', '=', $.id)
        .orderBy('v.vehicle_type')}`.as('vehicleTypes'),
    ]),
)

const actionsOf = statement(
  ($: Parameters<{ adminId: string | null; before: string | null; limit: number }>) =>
    db
      .selectFrom('admin_actions as a')
      .select([
        'a.id',
        'a.admin_id as adminId',
        'a.action',
        'a.target',
        'a.reason',
        sql<StoredObject>`a.detail`.as('detail'),
        'a.outcome',
        millisOf('a.begun_at').as('begunAt'),
        millisOf<number | null>('a.settled_at').as('settledAt'),
      ])
      .where(matches('a.admin_id', $.adminId))
      .where(isBelow('a.id', $.before))
      .orderBy('a.id', 'desc')
      .limit($.limit),
)

interface ActionValues {
  readonly id: string
  readonly adminId: string
  readonly action: string
  readonly target: string
  readonly reason: string | null
  readonly detail: string
  readonly perHour: number
}

/**
 * `oldest` is the action that must be older than an hour before there is room. Ids come from the clocks of processes, which
 * may be a minute off.
 */
const actionBegun = statement(($: Parameters<ActionValues>) =>
  db
    .with(
      cte => cte('oldest').materialized(),
      cte =>
        cte
          .selectFrom('admin_actions')
          .select('begun_at')
          .where(sql<boolean>`${$.perHour}::int > 0`)
          .where('admin_id', '=', $.adminId)
          .where('begun_at', '>', sql<Date>`now() - interval '1 hour'`)
          .where('id', '>=', sql<string>`loadcast.first_id_at(now() - interval '61 minutes')`)
          .orderBy('id', 'desc')
          .offset(sql<number>`greatest(${$.perHour}::int, 1) - 1`)
          .limit(sql.lit(1)),
    )
    .with('begun', cte =>
      cte
        .insertInto('admin_actions')
        .columns(['id', 'admin_id', 'action', 'target', 'reason', 'detail'])
        .expression(
          cte
            .selectNoFrom([
              sql<string>`${$.id}::uuid`.as('id'),
              $.adminId.as('admin_id'),
              $.action.as('action'),
              $.target.as('target'),
              $.reason.as('reason'),
              sql<unknown>`${$.detail}::jsonb`.as('detail'),
            ])
            .where(({ exists, not }) => not(exists(cte.selectFrom('oldest')))),
        ),
    )
    .selectNoFrom(
      sql<
        number | null
      >`(extract(epoch from (select begun_at from oldest) + interval '1 hour' - now()) * 1000)::float8`.as(
        'waitMs',
      ),
    ),
)

const actionSettled = statement(($: Parameters<{ id: string; outcome: string }>) =>
  db
    .updateTable('admin_actions')
    .set({ outcome: $.outcome, settled_at: sql<Date>`clock_timestamp()` })
    .where('id', '=', $.id),
)

export function createAdminStore(pool: Pool): AdminStore {
  return {
    listInstances({ machine = null, status = null, owner }, { before = null, limit }) {
      const values = { machine, status, before, limit }
      return owner === undefined
        ? findInWindow(pool, allInstances, values)
        : findInWindow(pool, instancesOfOwner, { ...values, owner })
    },
    async findInstance(id): Promise<InstanceDetail | undefined> {
      return (await run(pool, instanceDetail, { id }))[0]
    },
    findStory: id => findStory(pool, id),
    async isBroadcast(id) {
      return (await run(pool, broadcastOf, { id })).length === 1
    },
    listRecipients(
      broadcastId,
      { after = null, limit, transporterId = null, isOffered = null },
    ): Promise<readonly RecipientRecord[]> {
      return run(pool, recipientsOf, { broadcastId, after, transporterId, isOffered, limit })
    },
    async transporterFacts(id) {
      const [facts] = await run(pool, factsOfTransporter, { id })
      if (facts === undefined) throw new Error('a left join from one row answered none')
      return facts
    },
    async beginAction({ detail, reason = null, ...action }, perHour) {
      const values = { ...action, reason, detail: JSON.stringify(detail), perHour }
      const [row] = await run(pool, actionBegun, values)
      return row?.waitMs ?? undefined
    },
    async settleAction(id, outcome) {
      await run(pool, actionSettled, { id, outcome })
    },
    listActions({ before = null, limit, adminId = null }): Promise<readonly AdminActionRecord[]> {
      return run(pool, actionsOf, { adminId, before, limit })
    },
  }
}
