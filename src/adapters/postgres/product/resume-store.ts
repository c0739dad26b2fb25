/*
 * The event table as clients see it who come back. `events` has no index by user: one would cost every commit. A user
 * is found by what it has to do with requests instead (own ones, offers, trips, each by its index), and of each request
 * the newest event says, in one look, whether there is anything to read. Only late events are indexed by user, and no
 * commit writes a late event.
 */
import type { Pool } from 'pg'
import type {
  BroadcastRecord,
  EventPosition,
  Mark,
  Micros,
  Moment,
  Reader,
  ResumedEvent,
  ResumeQuery,
  ResumeStore,
  TripRecord,
  TripSurroundings,
} from '../../../dispatch/ports.js'
import { query } from '../connection/query.js'
import { run } from '../connection/statement.js'
import { BROADCAST_COLUMNS, type BroadcastRow, toBroadcastRecord } from '../engine/stored-instance.js'
import { seeking } from './reads/live-requests.js'
import { eventsInSql, eventsOfSql } from './resume-events-sql.js'
import { eventsSwept } from './sweep-events.js'

const micros = (time: string) => `(extract(epoch from ${time}) * 1000000)::float8`

/** What the reader may not know of is answered like what is not there. */
const momentSql = `
select ${micros('clock_timestamp()')} as now,
  (select ${micros('swept_before')} from {event_retention}) as "sweptBefore",
  case $1::text
    when 'event' then (
      select ${micros('e.recorded_at')} from {events} e join {instances} i on i.id = e.instance
      where e.instance = $2::uuid and e.version = $3::integer and e.index = $4::integer
        and ($6::float8 is null or e.at between to_timestamp(($6 - 1) / 1000) and to_timestamp(($6 + 1) / 1000))
        and (
        $5::text is null
        or $7 = 'customer' and i.owner = $5
        or $7 = 'driver' and exists (select from trips t where t.instance = i.id and t.driver_id = $5)
        or $7 = 'transporter' and (
          exists (select from recipients r
                  where r.broadcast_id = i.id and r.transporter_id = $5 and r.offered_at is not null)
          or exists (select from trips t where t.instance = i.id and t.transporter_id = $5))
      ))
    when 'offer' then (
      select ${micros('r.offered_at')} from recipients r
      where r.broadcast_id = $2::uuid and $7::text = 'transporter' and r.transporter_id = $5)
  end as "markedAt"`

async function moment(pool: Pool, mark: Mark | undefined, reader: Reader | undefined): Promise<Moment> {
  const [id, version, index, at = null] =
    mark?.kind === 'event'
      ? [mark.instance, mark.version, mark.index, mark.at]
      : [mark?.broadcastId, null, null, null]
  const values = [
    mark?.kind ?? null,
    id ?? null,
    version,
    index,
    reader?.id ?? null,
    at,
    reader?.role ?? null,
  ]
  const [row] = await query<Moment>(pool, momentSql, values)
  if (row === undefined) throw new Error('A select without from gave no row')
  return row
}

interface EventRow {
  readonly instance: string
  readonly version: number
  readonly index: number
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
  readonly audience: readonly string[]
  readonly at: number
  readonly recordedAt: Micros
  readonly tripStatus: TripRecord['status'] | null
  readonly isOffered: boolean
  readonly customerId: string
  readonly pickup: TripSurroundings['pickup']
  readonly drop: TripSurroundings['drop']
  readonly goods: string | null
}

function toResumedEvent({ customerId, pickup, drop, goods, ...event }: EventRow): ResumedEvent {
  const request = { customerId, pickup, drop, ...(goods === null ? {} : { goods }) }
  return { ...event, machine: 'broadcast', request }
}

/** Of a version 7 UUID made at this time: ids of later ones are greater. */
export function firstIdAt(time: Micros): string {
  const hex = Math.max(0, Math.floor(time / 1000))
    .toString(16)
    .padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
}

/** Requests older than this are over, and so are their trips: loads are delivered within weeks. */
const OLDEST_REQUEST_MICROS = 30 * 24 * 3_600 * 1_000_000

const positionValues = (after: EventPosition | undefined) => [
  after?.recordedAt ?? null,
  after?.instance ?? null,
  after?.version ?? null,
  after?.index ?? null,
]

async function events(pool: Pool, sql: string, values: readonly unknown[]): Promise<readonly ResumedEvent[]> {
  return (await query<EventRow>(pool, sql, values)).map(toResumedEvent)
}

const liveOffersSql = `
select ${BROADCAST_COLUMNS}, r.distance_km as "distanceKm"
from ${seeking}
join recipients r on r.broadcast_id = s.instance and r.transporter_id = $1
where s.key like 'customer:%' and r.offered_at is not null and r.declined_at is null
order by i.id desc limit $2`

/** A customer's own requests are looked at so far back for trips that are still under way. */
const MAX_OWN = 200

const liveOfSql = `
with mine as (
  select c.instance from {claims} c where $3 = 'customer' and c.key = 'customer:' || $1
  union
  select t.instance from trips t where $3 = 'driver' and t.driver_id = $1 and t.ended_at is null
  union
  select t.instance from trips t where $3 = 'transporter' and t.transporter_id = $1 and t.ended_at is null
  union
  select under_way.instance
  from (
    select id from {instances} where $3 = 'customer' and owner = $1 order by id desc limit ${MAX_OWN}
  ) own
  cross join lateral (
    select t.instance from trips t where t.instance = own.id and t.ended_at is null limit 1
  ) under_way
  union
  select s.instance from ${seeking} join recipients n on n.broadcast_id = s.instance and n.transporter_id = $1
  where $3 = 'transporter' and s.key like 'customer:%' and n.offered_at is not null and n.declined_at is null
)
select ${BROADCAST_COLUMNS}
from {instances} i
left join recipients r on $3::text = 'transporter' and r.broadcast_id = i.id and r.transporter_id = $1
where i.id = any(array(select instance from mine)) and i.machine = 'broadcast'
order by i.id desc limit $2`

export function createResumeStore(pool: Pool): ResumeStore {
  return {
    moment: (mark, reader) => moment(pool, mark, reader),
    eventsOf: ({ id, role }, { since, after, limit, offersSince }) =>
      events(pool, eventsOfSql, [
        since,
        ...positionValues(after),
        limit,
        id,
        firstIdAt(since - OLDEST_REQUEST_MICROS),
        firstIdAt(offersSince),
        role,
      ]),
    eventsIn: (broadcastId, { since, after, limit }: ResumeQuery) =>
      events(pool, eventsInSql, [since, ...positionValues(after), limit, broadcastId]),
    async liveOffers(transporterId, limit) {
      type Row = BroadcastRow & { readonly distanceKm: number | null }
      const rows = await query<Row>(pool, liveOffersSql, [transporterId, limit])
      return rows.map(row => ({ ...toBroadcastRecord(row), distanceKm: row.distanceKm }))
    },
    async liveOf({ id, role }, limit): Promise<readonly BroadcastRecord[]> {
      return (await query<BroadcastRow>(pool, liveOfSql, [id, limit, role])).map(toBroadcastRecord)
    },
    sweep: async (olderThanMs, limit) => (await run(pool, eventsSwept, { olderThanMs, limit })).length,
  }
}
