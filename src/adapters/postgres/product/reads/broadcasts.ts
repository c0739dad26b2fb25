import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { BroadcastListOptions, BroadcastRecord, Found, Reader } from '../../../../dispatch/ports.js'
import type { StoredInstance } from '../../../../runtime/ports.js'
import { db, lookUp, type Parameters, run, statement } from '../../connection/statement.js'
import { isBelow, matches } from '../columns.js'
import {
  areFirst,
  SHARED_BROADCAST,
  type SharedBroadcastRow,
  sharedBroadcasts,
} from '../shared-broadcasts.js'
import {
  BROADCAST,
  type BroadcastRow,
  INSTANCE,
  LISTED_BROADCAST,
  RECIPIENT,
  toBroadcastRecord,
} from '../stored-broadcast.js'
import { CUSTOMERS, SEEKING, seeking } from './live-requests.js'
import { findInWindow, type PageValues, windowList } from './window.js'

export interface BroadcastQuestion {
  readonly id: string
  /** Absent if the caller may read all requests. */
  readonly reader: Reader | undefined
}

type FoundRow = SharedBroadcastRow & {
  readonly isOffered: boolean
  readonly hasDeclined: boolean
  readonly isReadable: boolean
}

interface FindValues {
  readonly ids: readonly string[]
  readonly readers: readonly (string | null)[]
  readonly roles: readonly (string | null)[]
  readonly areFirst: readonly boolean[]
}

/**
 * A request may be read by its customer, by transporters that were offered it or have or had a trip on it, and by the
 * drivers of its trips. The conditions avoid `exists`, which may be planned as a hash of the whole table.
 */
const broadcastsFound = lookUp(
  'find_broadcasts',
  ($: Parameters<FindValues>) => sql<FoundRow>`
select ${SHARED_BROADCAST}, ${sql.join(RECIPIENT)}, coalesce(
  q.reader is null
  or (q.role = 'customer' and q.reader = (select o.owner from loadcast.instances o where o.id = q.id))
  or (q.role = 'transporter' and (r.offered_at is not null
    or (select true from trips t where t.instance = q.id and t.transporter_id = q.reader limit 1)))
  or (q.role = 'driver' and (select true from trips t where t.instance = q.id and t.driver_id = q.reader limit 1)),
  false) as "isReadable"
from unnest(${$.ids}::uuid[], ${$.readers}::text[], ${$.roles}::text[], ${$.areFirst}::boolean[])
  with ordinality as q (id, reader, role, is_first, n)
left join loadcast.instances i on q.is_first and i.id = q.id and i.machine = 'broadcast'
left join recipients r on r.broadcast_id = q.id and r.transporter_id = q.reader
order by q.n`,
)

/** Answers in the order of the questions: `undefined` if there is no such request, or not for this reader. */
export async function findBroadcasts(
  pool: Pool,
  questions: readonly BroadcastQuestion[],
): Promise<readonly (BroadcastRecord | undefined)[]> {
  const ids = questions.map(({ id }) => id)
  const rows = await run(pool, broadcastsFound, {
    ids,
    readers: questions.map(({ reader }) => reader?.id ?? null),
    roles: questions.map(({ reader }) => reader?.role ?? null),
    areFirst: areFirst(ids),
  })
  const broadcasts = sharedBroadcasts(ids, rows)
  return rows.map(({ isOffered, hasDeclined, isReadable }, i) => {
    const shared = broadcasts[i]
    if (!isReadable || shared === undefined) return undefined
    return { instance: shared.instance, notified: shared.notified, isOffered, hasDeclined }
  })
}

const allBroadcasts = windowList(
  (rows, _: Parameters<PageValues>) => rows.where('w.machine', '=', sql.lit('broadcast')),
  page => page.select(LISTED_BROADCAST),
)

const ownBroadcasts = windowList(
  (rows, $: Parameters<PageValues & { owner: string }>) =>
    rows.where('w.machine', '=', sql.lit('broadcast')).where('w.owner', '=', $.owner),
  page => page.select(LISTED_BROADCAST),
)

const pageValues = ({ status, before, limit }: BroadcastListOptions): PageValues => ({
  status: status ?? null,
  before: before ?? null,
  machine: null,
  limit,
})

export async function listOwned(
  pool: Pool,
  owner: string,
  options: BroadcastListOptions,
): Promise<Found<BroadcastRecord>> {
  return toRecords(await findInWindow(pool, ownBroadcasts, { ...pageValues(options), owner }))
}

const broadcastsSeeking = statement(
  ($: Parameters<{ status: string; before: string | null; limit: number }>) =>
    seeking
      .select(LISTED_BROADCAST)
      .where('i.status', '=', $.status)
      .where(isBelow('s.instance', $.before))
      .orderBy('s.instance', 'desc')
      .limit($.limit),
)

/** Requests that seek have an index of their own, so that they are found among any number that have ended. */
export async function listAll(pool: Pool, options: BroadcastListOptions): Promise<Found<BroadcastRecord>> {
  const { status, before = null, limit } = options
  if (status === 'searching' || status === 'partially_filled') {
    return toRecords({ items: await run(pool, broadcastsSeeking, { status, before, limit }) })
  }
  return toRecords(await findInWindow(pool, allBroadcasts, pageValues(options)))
}

const toRecords = ({ items, ...more }: Found<BroadcastRow>): Found<BroadcastRecord> => ({
  items: items.map(toBroadcastRecord),
  ...more,
})

/** Reads a transporter's offers down to the oldest request that seeks, and no further. */
const liveOffers = statement(
  ($: Parameters<{ transporterId: string; status: string | null; before: string | null; limit: number }>) =>
    db
      .selectFrom('recipients as r')
      .innerJoin('loadcast.instances as i', join =>
        join.onRef('i.id', '=', 'r.broadcast_id').on('i.status', 'in', SEEKING),
      )
      .select(BROADCAST)
      .where('r.transporter_id', '=', $.transporterId)
      .where('r.offered_at', 'is not', null)
      .where('r.declined_at', 'is', null)
      .where('r.broadcast_id', '>=', eb =>
        eb
          .selectFrom('loadcast.claims')
          .select('instance')
          .where('key', 'like', CUSTOMERS)
          .orderBy('instance')
          .limit(sql.lit(1)),
      )
      .where(matches('i.status', $.status))
      .where(isBelow('r.broadcast_id', $.before))
      .orderBy('r.broadcast_id', 'desc')
      .limit($.limit),
)

export async function listLiveOffers(
  pool: Pool,
  transporterId: string,
  { status, before, limit }: BroadcastListOptions,
): Promise<readonly BroadcastRecord[]> {
  const values = { transporterId, status: status ?? null, before: before ?? null, limit }
  return (await run(pool, liveOffers, values)).map(toBroadcastRecord)
}

const instancesOf = statement(($: Parameters<{ ids: readonly string[] }>) =>
  db
    .selectFrom('loadcast.instances as i')
    .select(INSTANCE)
    .where('i.id', '=', sql<string>`any(${$.ids}::uuid[])`),
)

export function load(pool: Pool, ids: readonly string[]): Promise<readonly StoredInstance[]> {
  return run(pool, instancesOf, { ids })
}
