import type { Pool } from 'pg'
import type { BroadcastListOptions, BroadcastRecord } from '../../../dispatch/ports.js'
import type { StoredInstance } from '../../../runtime/ports.js'
import { INSTANCE_COLUMNS } from '../instances.js'
import { query } from '../query.js'
import { BROADCAST_COLUMNS, type BroadcastRow, toBroadcastRecord } from '../stored-instance.js'
import { seeking } from './live-requests.js'

/** May read it: its customer, who was offered it, who has or had a trip on it. */
const findBroadcastSql = `
select ${BROADCAST_COLUMNS}
from instances i
left join recipients r on r.broadcast_id = i.id and r.transporter_id = $2
where i.id = $1 and i.machine = 'broadcast' and (
  $2::text is null or i.owner = $2 or r.offered_at is not null
  or exists (select from trips t where t.instance = i.id and (t.transporter_id = $2 or t.driver_id = $2))
)`

export async function findBroadcast(
  pool: Pool,
  id: string,
  userId: string | undefined,
): Promise<BroadcastRecord | undefined> {
  const rows = await query<BroadcastRow>(pool, findBroadcastSql, [id, userId ?? null])
  return rows[0] && toBroadcastRecord(rows[0])
}

/** `$1` to `$3` of every list: status, last id seen, limit. */
const page = `($1::text is null or i.status = $1) and ($2::uuid is null or i.id < $2)
order by i.id desc limit $3`

const pageParameters = ({ status, before, limit }: BroadcastListOptions) => [
  status ?? null,
  before ?? null,
  limit,
]

const listOwnedSql = `
select ${BROADCAST_COLUMNS}
from instances i left join recipients r on false
where i.machine = 'broadcast' and i.owner = $4 and ${page}`

export const listOwned = (pool: Pool, owner: string, options: BroadcastListOptions) =>
  list(pool, listOwnedSql, [...pageParameters(options), owner])

const listAllSql = `
select ${BROADCAST_COLUMNS}
from instances i left join recipients r on false
where i.machine = 'broadcast' and ${page}`

export const listAll = (pool: Pool, options: BroadcastListOptions) =>
  list(pool, listAllSql, pageParameters(options))

const listLiveOffersSql = `
select ${BROADCAST_COLUMNS}
from ${seeking}
join recipients r on r.broadcast_id = s.instance and r.transporter_id = $4
where s.key like 'customer:%' and r.offered_at is not null and r.declined_at is null and ${page}`

export const listLiveOffers = (pool: Pool, transporterId: string, options: BroadcastListOptions) =>
  list(pool, listLiveOffersSql, [...pageParameters(options), transporterId])

async function list(
  pool: Pool,
  sql: string,
  parameters: readonly unknown[],
): Promise<readonly BroadcastRecord[]> {
  const rows = await query<BroadcastRow>(pool, sql, parameters)
  return rows.map(toBroadcastRecord)
}

const loadSql = `select ${INSTANCE_COLUMNS} from instances i where i.id = any($1::uuid[])`

export async function load(pool: Pool, ids: readonly string[]): Promise<readonly StoredInstance[]> {
  const rows = await query<StoredInstance>(pool, loadSql, [ids])
  return rows
}
