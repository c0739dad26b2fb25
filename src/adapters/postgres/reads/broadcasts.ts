import type { Pool } from 'pg'
import type { BroadcastListOptions, BroadcastRecord, Found, Reader } from '../../../dispatch/ports.js'
import type { StoredInstance } from '../../../runtime/ports.js'
import { INSTANCE_COLUMNS } from '../instances.js'
import { query } from '../query.js'
import { BROADCAST_COLUMNS, type BroadcastRow, toBroadcastRecord } from '../stored-instance.js'
import { seeking } from './live-requests.js'
import { findInWindow } from './window.js'

/** May read it: its customer; the transporter who was offered it, or has or had a trip on it; the trip's driver. */
const findBroadcastSql = `
select ${BROADCAST_COLUMNS}
from instances i
left join recipients r on r.broadcast_id = i.id and r.transporter_id = $2
where i.id = $1 and i.machine = 'broadcast' and (
  $2::text is null
  or ($3 = 'customer' and i.owner = $2)
  or ($3 = 'transporter' and (r.offered_at is not null
    or exists (select from trips t where t.instance = i.id and t.transporter_id = $2)))
  or ($3 = 'driver' and exists (select from trips t where t.instance = i.id and t.driver_id = $2))
)`

export async function findBroadcast(
  pool: Pool,
  id: string,
  reader: Reader | undefined,
): Promise<BroadcastRecord | undefined> {
  const rows = await query<BroadcastRow>(pool, findBroadcastSql, [
    id,
    reader?.id ?? null,
    reader?.role ?? null,
  ])
  return rows[0] && toBroadcastRecord(rows[0])
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
join instances i on i.id = r.broadcast_id and i.status in ('searching', 'partially_filled')
where r.transporter_id = $4 and r.offered_at is not null and r.declined_at is null
  and r.broadcast_id >= (select instance from claims where key like 'customer:%' order by instance limit 1)
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

const loadSql = `select ${INSTANCE_COLUMNS} from instances i where i.id = any($1::uuid[])`

export async function load(pool: Pool, ids: readonly string[]): Promise<readonly StoredInstance[]> {
  const rows = await query<StoredInstance>(pool, loadSql, [ids])
  return rows
}
