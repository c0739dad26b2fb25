/*
 * Pages of events for a reader that resumes: those recorded after a time, and older ones that were marked late after it.
 * Parts are materialized, so that the planner begins with the few rows that concern the reader, whatever it believes about
 * the sizes of the tables.
 */
import { type QueryCreator, sql } from 'kysely'
import type { Role } from '../../../dispatch/person.js'
import { db, type Parameters, statement } from '../connection/statement.js'
import type { Tables } from '../schema/tables.js'
import { isRole } from './columns.js'
import { type Found, type PageValues, pageOf, timeOf } from './resume-page.js'

/**
 * Events of one request: 500 trucks, each accepted, released and driven several times. A limit also keeps the planner from
 * reading the events of all requests by time.
 */
const MAX_EVENTS_EACH = sql.lit(10_000)

/**
 * A trip has no events after its end. The end is stamped before it is recorded, by less than this. If a commit takes longer,
 * because its process was paused or cut off from the database, its events are marked late.
 */
const STAMP_LAG = sql`interval '1 minute'`

/** Events that transporters get that were offered the request. A test compares this with the table of announcements. */
export const TOLD_TO_OFFERED = ['broadcast.filled', 'broadcast.cancelled', 'broadcast.expired'] as const
const toldToOffered = TOLD_TO_OFFERED.map(type => sql.lit<string>(type))

const OFFERED = sql.lit<boolean>(true).as('is_offered')
const NOT_OFFERED = sql.lit<boolean>(false).as('is_offered')

interface ReaderValues extends PageValues {
  readonly id: string
  readonly role: Role
  /** The smallest id of a request to look at. */
  readonly oldest: string
  /** The same for requests that were only offered. */
  readonly oldestOffered: string
}

/**
 * The requests that concern the reader, and whether it was offered them. Open and declined offers are two parts, because
 * each has an index.
 */
function requestsOf($: Parameters<ReaderValues>) {
  const own = db
    .selectFrom('loadcast.instances as i')
    .select(['i.id as instance', NOT_OFFERED])
    .where(isRole($, 'customer'))
    .where('i.owner', '=', $.id)
    .where('i.id', '>=', $.oldest)
  const trips = db
    .selectFrom('trips as t')
    .select(['t.instance', NOT_OFFERED])
    .where('t.id', '>=', $.oldest)
    .where(eb =>
      eb('t.ended_at', 'is', null).or('t.ended_at', '>', sql<Date>`${timeOf($.since)} - ${STAMP_LAG}`),
    )
  const offers = db
    .selectFrom('recipients as r')
    .select(['r.broadcast_id as instance', OFFERED])
    .where(isRole($, 'transporter'))
    .where('r.transporter_id', '=', $.id)
    .where('r.broadcast_id', '>=', $.oldestOffered)
  return db
    .selectFrom(
      own
        .unionAll(trips.where(isRole($, 'transporter')).where('t.transporter_id', '=', $.id))
        .unionAll(trips.where(isRole($, 'driver')).where('t.driver_id', '=', $.id))
        .unionAll(offers.where('r.offered_at', 'is not', null).where('r.declined_at', 'is', null))
        .unionAll(offers.where('r.declined_at', 'is not', null))
        .as('m'),
    )
    .select(['m.instance', sql<boolean>`bool_or(m.is_offered)`.as('is_offered')])
    .groupBy('m.instance')
}

/** The requests in `mine` whose newest event was recorded after `since`. */
const freshOf = (parts: QueryCreator<Tables & { mine: OfferedRequest }>, $: Parameters<ReaderValues>) =>
  parts
    .selectFrom('mine as m')
    .select(['m.instance', 'm.is_offered'])
    .where(
      eb =>
        eb
          .selectFrom('loadcast.events as e')
          .select('e.recorded_at')
          .whereRef('e.instance', '=', 'm.instance')
          .orderBy('e.version', 'desc')
          .orderBy('e.index', 'desc')
          .limit(sql.lit(1)),
      '>',
      timeOf($.since),
    )

interface OfferedRequest {
  readonly instance: string
  readonly is_offered: boolean
}

/**
 * Finds late events by their audience. The reader's relation to the request is no help: its trip may have ended long ago,
 * and an accept that overtook its offer has left no row in `recipients`. Times are compared in `lateOf`: here the planner
 * might use the index by time and read the events of all readers.
 */
const lateOwn = ($: Parameters<ReaderValues>) =>
  db
    .selectFrom('loadcast.events as e')
    .select(['e.instance', 'e.version', 'e.index', 'e.late_at'])
    .where('e.late_at', 'is not', null)
    .where('e.audience', '@>', sql<readonly string[]>`array[${$.id}::text]`)

/** Late ends of requests, which transporters get that were offered them. */
const lateEnds = ($: Parameters<ReaderValues>) =>
  db
    .selectFrom('loadcast.events as e')
    .select(['e.instance', 'e.version', 'e.index', 'e.late_at'])
    .where(isRole($, 'transporter'))
    .where('e.late_at', 'is not', null)
    .where('e.late_at', '>', timeOf($.since))
    .where('e.type', 'in', toldToOffered)

type LateEvent = Pick<Found, 'instance' | 'version' | 'index' | 'late_at'>

const lateOf = (
  parts: QueryCreator<Tables & { late_own: LateEvent; late_ends: LateEvent }>,
  $: Parameters<ReaderValues>,
) =>
  parts
    .selectFrom(
      parts
        .selectFrom('late_own as o')
        .selectAll('o')
        .select(NOT_OFFERED)
        .unionAll(
          parts
            .selectFrom('late_ends as e')
            .crossJoinLateral(eb =>
              eb
                .selectFrom('recipients as r')
                .whereRef('r.broadcast_id', '=', 'e.instance')
                .where('r.transporter_id', '=', $.id)
                .where('r.offered_at', 'is not', null)
                .offset(sql.lit(0))
                .as('offered'),
            )
            .selectAll('e')
            .select(OFFERED),
        )
        .as('l'),
    )
    .select(['l.instance', 'l.version', 'l.index', sql<boolean>`bool_or(l.is_offered)`.as('is_offered')])
    .where('l.late_at', '>', timeOf($.since))
    .groupBy(['l.instance', 'l.version', 'l.index'])

/** Events that are both late and fresh are found only among the late ones. */
const foundOf = (
  parts: QueryCreator<
    Tables & { fresh: OfferedRequest; late: Pick<Found, 'instance' | 'version' | 'index' | 'is_offered'> }
  >,
  $: Parameters<ReaderValues>,
) =>
  parts
    .selectFrom('fresh as f')
    .crossJoinLateral(eb =>
      eb
        .selectFrom('loadcast.events as e')
        .selectAll('e')
        .whereRef('e.instance', '=', 'f.instance')
        .orderBy('e.version', 'desc')
        .orderBy('e.index', 'desc')
        .limit(MAX_EVENTS_EACH)
        .as('e'),
    )
    .selectAll('e')
    .select('f.is_offered')
    .where('e.recorded_at', '>', timeOf($.since))
    .where(eb => eb('e.late_at', 'is', null).or('e.late_at', '<=', timeOf($.since)))
    .where(eb =>
      eb($.id, '=', sql<string>`any(e.audience)`).or(
        eb.and([eb('f.is_offered', '=', sql.lit(true)), eb('e.type', 'in', toldToOffered)]),
      ),
    )
    .unionAll(
      parts
        .selectFrom('late as l')
        .crossJoinLateral(eb =>
          eb
            .selectFrom('loadcast.events as e')
            .selectAll('e')
            .whereRef('e.instance', '=', 'l.instance')
            .whereRef('e.version', '=', 'l.version')
            .whereRef('e.index', '=', 'l.index')
            .limit(sql.lit(1))
            .as('e'),
        )
        .selectAll('e')
        .select('l.is_offered'),
    )

/** A page of the events that concern a reader. */
export const eventsOf = statement(($: Parameters<ReaderValues>) =>
  pageOf(
    db
      .with(
        cte => cte('mine').materialized(),
        () => requestsOf($),
      )
      .with(
        cte => cte('fresh').materialized(),
        parts => freshOf(parts, $),
      )
      .with(
        cte => cte('late_own').materialized(),
        () => lateOwn($),
      )
      .with(
        cte => cte('late_ends').materialized(),
        () => lateEnds($),
      )
      .with(
        cte => cte('late').materialized(),
        parts => lateOf(parts, $),
      )
      .with('found', parts => foundOf(parts, $)),
    $,
  ),
)

/** A page of the events of one request. It has few, so all of them are read. */
export const eventsIn = statement(($: Parameters<PageValues & { broadcastId: string }>) =>
  pageOf(
    db.with('found', parts =>
      parts
        .selectFrom(
          parts
            .selectFrom('loadcast.events as e')
            .selectAll('e')
            .where('e.instance', '=', $.broadcastId)
            .orderBy('e.version', 'desc')
            .orderBy('e.index', 'desc')
            .limit(MAX_EVENTS_EACH)
            .as('e'),
        )
        .selectAll('e')
        .select(NOT_OFFERED)
        .where(eb => eb('e.recorded_at', '>', timeOf($.since)).or('e.late_at', '>', timeOf($.since))),
    ),
    $,
  ),
)
