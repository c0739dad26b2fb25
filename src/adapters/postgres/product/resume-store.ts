/*
 * The event table for clients that come back. `events` has no index by user, because it would slow down every commit.
 * Instead the requests of a user are found by its own requests, offers and trips, each by an index. The newest event of
 * each request shows, in one look-up, whether there is anything to read. Only late events are indexed by user, and no commit
 * writes a late event.
 */
import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { Role } from '../../../dispatch/person.js'
import type {
  BroadcastRecord,
  Mark,
  Micros,
  Moment,
  Reader,
  ResumedEvent,
  ResumeQuery,
  ResumeStore,
} from '../../../dispatch/ports.js'
import { db, type Parameters, type RowOf, run, statement } from '../connection/statement.js'
import { isRole } from './columns.js'
import { seeking } from './reads/live-requests.js'
import { eventsIn, eventsOf } from './resume-events.js'
import { microsOf, positionValues } from './resume-page.js'
import { BROADCAST, toBroadcastRecord } from './stored-broadcast.js'
import { eventsSwept } from './sweep-events.js'

interface MomentValues {
  readonly kind: Mark['kind'] | null
  /** The id of the request. */
  readonly id: string | null
  readonly version: number | null
  readonly index: number | null
  readonly at: number | null
  readonly readerId: string | null
  readonly role: Role | null
}

const readerOf = ($: Parameters<MomentValues>) => sql<string>`${$.readerId}::text`

const eventMarked = ($: Parameters<MomentValues>) => {
  const reader = readerOf($)
  return db
    .selectFrom('loadcast.events as e')
    .innerJoin('loadcast.instances as i', 'i.id', 'e.instance')
    .select(microsOf('e.recorded_at').as('at'))
    .where('e.instance', '=', sql<string>`${$.id}::uuid`)
    .where('e.version', '=', sql<number>`${$.version}::integer`)
    .where('e.index', '=', sql<number>`${$.index}::integer`)
    .where(
      sql<boolean>`(${$.at}::float8 is null or
        e.at between to_timestamp((${$.at} - 1) / 1000) and to_timestamp((${$.at} + 1) / 1000))`,
    )
    .where(({ and, eb, exists, or, selectFrom }) => {
      const trips = selectFrom('trips as t').whereRef('t.instance', '=', 'i.id')
      const offers = selectFrom('recipients as r')
        .whereRef('r.broadcast_id', '=', 'i.id')
        .where('r.transporter_id', '=', reader)
        .where('r.offered_at', 'is not', null)
      return or([
        eb(reader, 'is', null),
        and([isRole($, 'customer'), eb('i.owner', '=', reader)]),
        and([isRole($, 'driver'), exists(trips.where('t.driver_id', '=', reader))]),
        and([
          isRole($, 'transporter'),
          or([exists(offers), exists(trips.where('t.transporter_id', '=', reader))]),
        ]),
      ])
    })
}

const offerMarked = ($: Parameters<MomentValues>) =>
  db
    .selectFrom('recipients as r')
    .select(microsOf<Micros | null>('r.offered_at').as('at'))
    .where('r.broadcast_id', '=', sql<string>`${$.id}::uuid`)
    .where(isRole($, 'transporter'))
    .where('r.transporter_id', '=', readerOf($))

/** Events and offers that the reader may not read are answered as if they did not exist. */
const momentOf = statement(($: Parameters<MomentValues>) =>
  db.selectNoFrom([
    sql<Micros>`(extract(epoch from clock_timestamp()) * 1000000)::float8`.as('now'),
    db.selectFrom('loadcast.event_retention').select(microsOf('swept_before').as('at')).as('sweptBefore'),
    sql<Micros | null>`case ${$.kind}::text when 'event' then ${eventMarked($)} when 'offer' then ${offerMarked($)} end`.as(
      'markedAt',
    ),
  ]),
)

async function moment(pool: Pool, mark: Mark | undefined, reader: Reader | undefined): Promise<Moment> {
  const { version, index, at } = mark?.kind === 'event' ? mark : { version: null, index: null, at: null }
  const [row] = await run(pool, momentOf, {
    kind: mark?.kind ?? null,
    id: (mark?.kind === 'event' ? mark.instance : mark?.broadcastId) ?? null,
    version,
    index,
    at: at ?? null,
    readerId: reader?.id ?? null,
    role: reader?.role ?? null,
  })
  if (row === undefined) throw new Error('A select without from gave no row')
  return row
}

function toResumedEvent({ customerId, pickup, drop, goods, ...event }: RowOf<typeof eventsOf>): ResumedEvent {
  const request = { customerId, pickup, drop, ...(goods === null ? {} : { goods }) }
  return { ...event, machine: 'broadcast', request }
}

/** Returns a UUIDv7 of this time: ids that are made later are greater. */
export function firstIdAt(time: Micros): string {
  const hex = Math.max(0, Math.floor(time / 1000))
    .toString(16)
    .padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
}

/** Older requests have ended, and so have their trips: loads are delivered within weeks. */
const OLDEST_REQUEST_MICROS = 30 * 24 * 3_600 * 1_000_000

const liveOffers = statement(($: Parameters<{ transporterId: string; limit: number }>) =>
  seeking
    .innerJoin('recipients as r', join =>
      join.onRef('r.broadcast_id', '=', 's.instance').on('r.transporter_id', '=', $.transporterId),
    )
    .select(BROADCAST)
    .select('r.distance_km as distanceKm')
    .where('r.offered_at', 'is not', null)
    .where('r.declined_at', 'is', null)
    .orderBy('i.id', 'desc')
    .limit($.limit),
)

/** So many of a customer's newest requests are searched for trips that are under way. */
const MAX_OWN = sql.lit(200)

/** The requests that a person has to know of after a long absence. */
function mine($: Parameters<{ id: string; role: Role }>) {
  const seekingOwn = db
    .selectFrom('loadcast.claims as c')
    .select('c.instance')
    .where(isRole($, 'customer'))
    .where('c.key', '=', sql<string>`'customer:' || ${$.id}::text`)
  const underWay = db.selectFrom('trips as t').select('t.instance').where('t.ended_at', 'is', null)
  const ownUnderWay = db
    .selectFrom(
      db
        .selectFrom('loadcast.instances')
        .select('id')
        .where(isRole($, 'customer'))
        .where('owner', '=', $.id)
        .orderBy('id', 'desc')
        .limit(MAX_OWN)
        .as('own'),
    )
    .crossJoinLateral(
      underWay.where('t.instance', '=', sql.ref<string>('own.id')).limit(sql.lit(1)).as('under_way'),
    )
    .select('under_way.instance')
  const offered = seeking
    .innerJoin('recipients as n', join =>
      join.onRef('n.broadcast_id', '=', 's.instance').on('n.transporter_id', '=', $.id),
    )
    .select('s.instance')
    .where(isRole($, 'transporter'))
    .where('n.offered_at', 'is not', null)
    .where('n.declined_at', 'is', null)
  return seekingOwn
    .union(underWay.where(isRole($, 'driver')).where('t.driver_id', '=', $.id))
    .union(underWay.where(isRole($, 'transporter')).where('t.transporter_id', '=', $.id))
    .union(ownUnderWay)
    .union(offered)
}

const liveOf = statement(($: Parameters<{ id: string; role: Role; limit: number }>) =>
  db
    .with('mine', () => mine($))
    .selectFrom('loadcast.instances as i')
    .leftJoin('recipients as r', join =>
      join
        .on(isRole($, 'transporter'))
        .onRef('r.broadcast_id', '=', 'i.id')
        .on('r.transporter_id', '=', $.id),
    )
    .select(BROADCAST)
    .where('i.id', '=', sql<string>`any(array(select instance from mine))`)
    .where('i.machine', '=', sql.lit('broadcast'))
    .orderBy('i.id', 'desc')
    .limit($.limit),
)

export function createResumeStore(pool: Pool): ResumeStore {
  return {
    moment: (mark, reader) => moment(pool, mark, reader),
    async eventsOf({ id, role }, { since, after, limit, offersSince }) {
      const rows = await run(pool, eventsOf, {
        since,
        ...positionValues(after),
        limit,
        id,
        role,
        oldest: firstIdAt(since - OLDEST_REQUEST_MICROS),
        oldestOffered: firstIdAt(offersSince),
      })
      return rows.map(toResumedEvent)
    },
    async eventsIn(broadcastId, { since, after, limit }: ResumeQuery) {
      const rows = await run(pool, eventsIn, { since, ...positionValues(after), limit, broadcastId })
      return rows.map(toResumedEvent)
    },
    async liveOffers(transporterId, limit) {
      const rows = await run(pool, liveOffers, { transporterId, limit })
      return rows.map(row => ({ ...toBroadcastRecord(row), distanceKm: row.distanceKm }))
    },
    async liveOf({ id, role }, limit): Promise<readonly BroadcastRecord[]> {
      return (await run(pool, liveOf, { id, role, limit })).map(toBroadcastRecord)
    },
    sweep: async (olderThanMs, limit) => (await run(pool, eventsSwept, { olderThanMs, limit })).length,
  }
}
