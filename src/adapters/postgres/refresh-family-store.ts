import type { Pool } from 'pg'
import type { RefreshFamilies } from '../../dispatch/ports.js'
import { query } from './query.js'

/**
 * One statement, so that nobody dies between finding a token used and ending its family. Two who show the same token at
 * once meet at the row: the second waits for the first and then finds another token good. What was ended stays ended.
 */
const rotateSql = `
insert into refresh_families as f (user_id, family, good_token, remember_until)
values ($1, $2, $4, to_timestamp($5::float8 / 1000))
on conflict (user_id, family) do update set
  ended_at = case when f.good_token = $3 then f.ended_at else coalesce(f.ended_at, now()) end,
  good_token = case when f.good_token = $3 then excluded.good_token else f.good_token end,
  remember_until = greatest(f.remember_until, excluded.remember_until)
returning good_token = $4 and ended_at is null as is_rotated`

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
    async rotate({ userId, family, shown, next, rememberUntil }) {
      const values = [userId, family, shown, next, rememberUntil]
      const [row] = await query<{ is_rotated: boolean }>(pool, rotateSql, values)
      return row?.is_rotated ?? false
    },
    async sweep(limit) {
      return (await query(pool, sweepSql, [limit])).length
    },
  }
}
