/* Events that clients may have missed, to redeliver them. Times are milliseconds since the epoch. */
import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { Position, RecordedEvent } from '../../../../dispatch/ports.js'
import { db, type Parameters, run, statement } from '../../connection/statement.js'
import { millisOf, timeFrom } from '../columns.js'
import { payloadOf, tripStatusOf } from '../stored-json.js'

/** The end of the last page. All are null at the start. */
interface AfterValues {
  readonly micros: string | null
  readonly instance: string | null
  readonly version: string | null
  readonly index: string | null
}

const MICROS = sql<string>`(extract(epoch from e.recorded_at) * 1000000)::bigint`

const isAfter = ($: Parameters<AfterValues>) =>
  sql<boolean>`(${$.micros}::bigint is null or
    (${MICROS}, e.instance, e.version, e.index) > (${$.micros}, ${$.instance}::uuid, ${$.version}::int, ${$.index}::int))`

/**
 * Events in the order in which they were recorded. Those that were recorded before `since` but marked late after it come
 * first, and are read until the pages have passed them. `-infinity` is the condition of their index.
 */
const recordedSince = statement(($: Parameters<AfterValues & { since: number; limit: number }>) => {
  const since = timeFrom($.since)
  const events = db.selectFrom('loadcast.events').selectAll()
  const recorded = events
    .where('recorded_at', '>=', since)
    .where(
      sql<boolean>`(${$.micros}::bigint is null or recorded_at >= to_timestamp(${$.micros}::float8 / 1000000 - 0.001))`,
    )
  const late = events
    .where('late_at', '>', sql<Date>`'-infinity'`)
    .where('late_at', '>=', since)
    .where('recorded_at', '<', since)
    .where(
      sql<boolean>`(${$.micros}::bigint is null or to_timestamp(${$.micros}::float8 / 1000000) < ${since})`,
    )
  return db
    .selectFrom(recorded.unionAll(late).as('e'))
    .innerJoin('loadcast.instances as i', 'i.id', 'e.instance')
    .select([
      'e.instance',
      'i.machine',
      'e.version',
      'e.index',
      'e.type',
      payloadOf('e').as('payload'),
      'e.audience',
      millisOf('e.at').as('at'),
      MICROS.as('recordedMicros'),
      tripStatusOf('e', 'i.machine').as('tripStatus'),
    ])
    .where(isAfter($))
    .orderBy('recordedMicros')
    .orderBy('e.instance')
    .orderBy('e.version')
    .orderBy('e.index')
    .limit($.limit)
})

export async function eventsSince(
  pool: Pool,
  since: number,
  { after, limit }: { after?: Position; limit: number },
): Promise<{ events: readonly RecordedEvent[]; next?: Position }> {
  const [micros = null, instance = null, version = null, index = null] = after?.split(' ') ?? []
  const rows = await run(pool, recordedSince, { since, micros, instance, version, index, limit })
  const events = rows.map(({ recordedMicros: _, ...event }) => event)
  const last = rows.length === limit ? rows.at(-1) : undefined
  if (last === undefined) return { events }
  return { events, next: `${last.recordedMicros} ${last.instance} ${last.version} ${last.index}` }
}

/** Processes that run this at the same time mark different rows. */
const markMissed = statement(($: Parameters<{ since: number; limit: number }>) =>
  db
    .with(
      cte => cte('missed').materialized(),
      cte =>
        cte
          .selectFrom('loadcast.events')
          .select(['instance', 'version', 'index'])
          .where('recorded_at', '>=', timeFrom($.since))
          .where(eb => eb('late_at', 'is', null).or('late_at', '<', timeFrom($.since)))
          .orderBy('recorded_at')
          .limit($.limit)
          .forUpdate()
          .skipLocked(),
    )
    .updateTable('loadcast.events as e')
    .from('missed as m')
    .set({ late_at: sql<Date>`clock_timestamp()` })
    .whereRef('e.instance', '=', 'm.instance')
    .whereRef('e.version', '=', 'm.version')
    .whereRef('e.index', '=', 'm.index')
    .where('e.instance', '=', sql<string>`any(array(select instance from missed))`)
    .returning(sql.lit(1).as('one')),
)

export async function markLate(pool: Pool, since: number, limit: number): Promise<number> {
  return (await run(pool, markMissed, { since, limit })).length
}
