import type { Pool } from 'pg'
import type { BroadcastListOptions, BroadcastRecord, Found, Reader } from '../../../../dispatch/ports.js'
import type { StoredInstance } from '../../../../runtime/ports.js'
import { type LookUp, query } from '../../connection/query.js'
import { INSTANCE_COLUMNS } from '../../engine/instances.js'
import {
  BROADCAST_COLUMNS,
  type BroadcastRow,
  RECIPIENT_COLUMNS,
  toBroadcastRecord,
} from '../../engine/stored-instance.js'
import {
  areFirst,
  SHARED_BROADCAST_COLUMNS,
  type SharedBroadcastRow,
  sharedBroadcasts,
} from '../shared-broadcasts.js'
import { seeking } from './live-requests.js'
import { findInWindow } from './window.js'

export interface BroadcastQuestion {
  readonly id: string
  /** Absent: whoever asks may read all. */
  readonly reader: Reader | undefined
}

/**
 * May read it: its customer; the transporter who was offered it, or has or had a trip on it; the trip's driver.
 * Not by `exists`: that may be planned as a hash of the whole table.
 */
const findBroadcastsBy: LookUp = {
  name: 'find_broadcasts',
  text: `
select ${SHARED_BROADCAST_COLUMNS}, ${RECIPIENT_COLUMNS}, coalesce(
  q.reader is null
  or (q.role = 'customer' and q.reader = (select o.owner from {instances} o where o.id = q.id))
  or (q.role = 'transporter' and (r.offered_at is not null
    or (select true from trips t where t.instance = q.id and t.transporter_id = q.reader limit 1)))
  or (q.role = 'driver' and (select true from trips t where t.instance = q.id and t.driver_id = q.reader limit 1)),
  false) as "isReadable"
from unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[]) with ordinality as q (id, reader, role, is_first, n)
left join {instances} i on q.is_first and i.id = q.id and i.machine = 'broadcast'
left join recipients r on r.broadcast_id = q.id and r.transporter_id = q.reader
order by q.n`,
}

type FoundRow = SharedBroadcastRow & {
  readonly isOffered: boolean
  readonly hasDeclined: boolean
  readonly isReadable: boolean
}

/** In the order of the questions; `undefined` for what is not there, or not for that reader. */
export async function findBroadcasts(
  pool: Pool,
  questions: readonly BroadcastQuestion[],
): Promise<readonly (BroadcastRecord | undefined)[]> {
  const ids = questions.map(({ id }) => id)
  const rows = await query<FoundRow>(pool, findBroadcastsBy, [
    ids,
    questions.map(({ reader }) => reader?.id ?? null),
    questions.map(({ reader }) => reader?.role ?? null),
    areFirst(ids),
  ])
  const broadcasts = sharedBroadcasts(ids, rows)
  return rows.map(({ isOffered, hasDeclined, isReadable }, i) => {
    const shared = broadcasts[i]
    if (!isReadable || shared === undefined) return undefined
    return { instance: shared.instance, notified: shared.notified, isOffered, hasDeclined }
  })
}

/** Nobody in particular asks: what is offered to whom is not said. */
const listed = { columns: BROADCAST_COLUMNS, joins: 'left join recipients r on false' }

const IS_BROADCAST = "w.machine = 'broadcast'"

export async function listOwned(
  pool: Pool,
  owner: string,
  { status, before, limit }: BroadcastListOptions,
): Promise<Found<BroadcastRecord>> {
  const window = { of: `${IS_BROADCAST} and w.owner = $2`, values: [owner], before }
  return toRecords(await findInWindow<BroadcastRow>(pool, listed, window, { status, limit }))
}

/** Those that seek have an index of their own, so that they are found among any number that have ended. */
export async function listAll(
  pool: Pool,
  { status, before, limit }: BroadcastListOptions,
): Promise<Found<BroadcastRecord>> {
  if (status === 'searching' || status === 'partially_filled') {
    const rows = await query<BroadcastRow>(pool, listSeekingSql, [status, before ?? null, limit])
    return toRecords({ items: rows })
  }
  const window = { of: IS_BROADCAST, values: [], before }
  return toRecords(await findInWindow<BroadcastRow>(pool, listed, window, { status, limit }))
}

const toRecords = ({ items, ...more }: Found<BroadcastRow>): Found<BroadcastRecord> => ({
  items: items.map(toBroadcastRecord),
  ...more,
})

const listSeekingSql = `
select ${BROADCAST_COLUMNS}
from ${seeking} left join recipients r on false
where s.key like 'customer:%' and i.status = $1 and ($2::uuid is null or s.instance < $2)
order by s.instance desc limit $3`

/** A transporter's offers are read down to the oldest request that seeks, and no further. */
const listLiveOffersSql = `
select ${BROADCAST_COLUMNS}
from recipients r
join {instances} i on i.id = r.broadcast_id and i.status in ('searching', 'partially_filled')
where r.transporter_id = $4 and r.offered_at is not null and r.declined_at is null
  and r.broadcast_id >= (select instance from {claims} where key like 'customer:%' order by instance limit 1)
  and ($1::text is null or i.status = $1) and ($2::uuid is null or r.broadcast_id < $2)
order by r.broadcast_id desc limit $3`

export async function listLiveOffers(
  pool: Pool,
  transporterId: string,
  { status, before, limit }: BroadcastListOptions,
): Promise<readonly BroadcastRecord[]> {
  const values = [status ?? null, before ?? null, limit, transporterId]
  return (await query<BroadcastRow>(pool, listLiveOffersSql, values)).map(toBroadcastRecord)
}

const loadSql = `select ${INSTANCE_COLUMNS} from {instances} i where i.id = any($1::uuid[])`

export async function load(pool: Pool, ids: readonly string[]): Promise<readonly StoredInstance[]> {
  const rows = await query<StoredInstance>(pool, loadSql, [ids])
  return rows
}
