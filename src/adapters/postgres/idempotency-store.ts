import type { Pool } from 'pg'
import type { IdempotencyStore, KeptKey } from '../../dispatch/ports.js'
import { gathered } from '../../runtime/gathered.js'
import type { IdempotencyKey } from '../../runtime/types.js'
import { query } from './query.js'

const findSql = `
select fingerprint, answer,
  case when instance is null then null else jsonb_build_object('scope', scope, 'key', key,
    'fingerprint', fingerprint, 'instance', instance, 'version', version, 'uid', uid) end as used
from {idempotency_keys} where scope = $1 and key = $2`

interface Answered {
  readonly key: IdempotencyKey
  readonly answer: unknown
}

/**
 * The first answer stays. A row without one was made by the commit that the answer belongs to. Written in one order
 * everywhere, so that two cannot deadlock.
 */
const saveSql = `
insert into {idempotency_keys} as k (scope, key, fingerprint, answer)
select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]) as a (scope, key, fingerprint, answer)
order by scope, key
on conflict (scope, key) do update
set answer = case when k.fingerprint = excluded.fingerprint then coalesce(k.answer, excluded.answer) else k.answer end
returning scope, key, fingerprint`

/** In batches, so that no sweep holds locks for long; other processes sweep other rows. */
const sweepSql = `
delete from {idempotency_keys} where (scope, key) in (
  select scope, key from {idempotency_keys}
  where recorded_at < now() - $1::float8 * interval '1 millisecond'
  order by recorded_at limit $2
  for update skip locked
)
returning 1`

/** Of each, in their order, whether its key was used for the same as before. Of one key there may be one answer. */
async function save(pool: Pool, all: readonly Answered[]): Promise<readonly boolean[]> {
  const rows = await query<IdempotencyKey>(pool, saveSql, [
    all.map(({ key }) => key.scope),
    all.map(({ key }) => key.key),
    all.map(({ key }) => key.fingerprint),
    all.map(({ answer }) => JSON.stringify(answer)),
  ])
  const kept = new Map(rows.map(row => [nameOf(row), row.fingerprint]))
  return all.map(({ key }) => kept.get(nameOf(key)) === key.fingerprint)
}

const nameOf = ({ scope, key }: IdempotencyKey) => JSON.stringify([scope, key])

export function createIdempotencyStore(pool: Pool): IdempotencyStore {
  const saveAnswer = gathered(
    ({ key }: Answered) => JSON.stringify(key),
    all => save(pool, all),
  )
  return {
    async find({ scope, key }) {
      const [kept] = await query<KeptKey>(pool, findSql, [scope, key])
      return kept
    },
    save: (key, answer) => saveAnswer({ key, answer }),
    async sweep(olderThanMs, limit) {
      return (await query(pool, sweepSql, [olderThanMs, limit])).length
    },
  }
}
