import type { Pool } from 'pg'
import type { IdempotencyStore, KeptKey } from '../../dispatch/ports.js'
import { query } from './query.js'

const findSql = `
select fingerprint, answer,
  case when instance is null then null else jsonb_build_object('scope', scope, 'key', key,
    'fingerprint', fingerprint, 'instance', instance, 'version', version, 'uid', uid) end as used
from idempotency_keys where scope = $1 and key = $2`

/** The first answer stays. A row without one was made by the commit that the answer belongs to. */
const saveSql = `
insert into idempotency_keys as k (scope, key, fingerprint, answer) values ($1, $2, $3, $4)
on conflict (scope, key) do update
set answer = case when k.fingerprint = excluded.fingerprint then coalesce(k.answer, excluded.answer) else k.answer end
returning fingerprint`

/** In batches, so that no sweep holds locks for long; other processes sweep other rows. */
const sweepSql = `
delete from idempotency_keys where (scope, key) in (
  select scope, key from idempotency_keys
  where recorded_at < now() - $1::float8 * interval '1 millisecond'
  order by recorded_at limit $2
  for update skip locked
)
returning 1`

export function createIdempotencyStore(pool: Pool): IdempotencyStore {
  return {
    async find({ scope, key }) {
      const [kept] = await query<KeptKey>(pool, findSql, [scope, key])
      return kept
    },
    async save({ scope, key, fingerprint }, answer) {
      const values = [scope, key, fingerprint, JSON.stringify(answer)]
      const [kept] = await query<{ fingerprint: string }>(pool, saveSql, values)
      return kept?.fingerprint === fingerprint
    },
    async sweep(olderThanMs, limit) {
      return (await query(pool, sweepSql, [olderThanMs, limit])).length
    },
  }
}
