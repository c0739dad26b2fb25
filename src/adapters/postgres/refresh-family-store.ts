import type { Pool } from 'pg'
import type { RefreshFamilies, Rotated } from '../../dispatch/ports.js'
import { query } from './query.js'

/**
 * One statement, so that nobody dies between finding a token used and ending its family. Two who show the same token at
 * once meet at the row: the second waits for the first and then finds another token good. What was ended stays ended.
 * The person's row is locked before the clock is read, as by whoever ends its sessions (fleet/people.ts): so either that end
 * is seen here, or its time is not before the time that the new tokens bear.
 */
const rotateSql = `
with person as materialized (
  select active, valid_from from people where role = $1 and id = $2 for share
), judged as materialized (
  select coalesce(active, true) as is_active, coalesce(floor(extract(epoch from valid_from)) >= $6, false) as is_ended,
    clock_timestamp() as at
  from (select) one left join person on true
), rotated as (
  insert into refresh_families as f (user_id, family, good_token, remember_until)
  select $2, $3, $5, greatest(to_timestamp($7::float8 / 1000), at + $8::float8 * interval '1 millisecond')
  from judged where is_active and not is_ended
  on conflict (user_id, family) do update set
    ended_at = case when f.good_token = $4 then f.ended_at else coalesce(f.ended_at, now()) end,
    good_token = case when f.good_token = $4 then excluded.good_token else f.good_token end,
    remember_until = greatest(f.remember_until, excluded.remember_until)
  returning good_token = $5 and ended_at is null as is_good
)
select case when not is_active then 'inactive' when is_ended then 'ended'
    when (select is_good from rotated) then 'rotated' else 'used' end as kind,
  floor(extract(epoch from at))::float8 as at
from judged`

const sweepSql = `
delete from refresh_families where (user_id, family) in (
  select user_id, family from refresh_families
  where remember_until < now()
  order by remember_until limit $1
  for update skip locked
)
returning 1`

export function createRefreshFamilies(pool: Pool): RefreshFamilies {
  return {
    async rotate({ person: { role, id }, family, shown, next }) {
      const values = [role, id, family, shown.id, next.id, shown.issuedAt, shown.expiresAt, next.ttlMs]
      const [row] = await query<Rotated & { at: number }>(pool, rotateSql, values)
      if (row === undefined) throw new Error('a left join of one row gave none')
      return row
    },
    async sweep(limit) {
      return (await query(pool, sweepSql, [limit])).length
    },
  }
}
