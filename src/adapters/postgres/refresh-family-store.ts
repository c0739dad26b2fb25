import type { Pool } from 'pg'
import type { RefreshFamilies } from '../../dispatch/ports.js'
import { query } from './query.js'

/**
 * One statement, so that nobody dies between finding a token used and ending its family. Two who show the same token at
 * once meet at the row: the second waits for the first and then finds another token good. What was ended stays ended.
 *
 * The row is `(user_id, family)`, which processes of the release before share. Where it is another role's, whose issuer
 * named its family alike, this role has a row of its own: ids of families have no spaces. A row without a role was
 * written by such a process; the one who shows its good token takes it. No row comes out when another role was first
 * at the same moment.
 */
const rotateSql = `
insert into refresh_families as f (user_id, role, family, good_token, remember_until)
select $1, $2, case when taken then $2 || ' ' || $3 else $3 end, $5, to_timestamp($6::float8 / 1000)
from (
  select exists (select from refresh_families where user_id = $1 and family = $3 and role <> $2) as taken
) other
on conflict (user_id, family) do update set
  role = case when f.good_token = $4 then excluded.role else f.role end,
  ended_at = case when f.good_token = $4 then f.ended_at else coalesce(f.ended_at, now()) end,
  good_token = case when f.good_token = $4 then excluded.good_token else f.good_token end,
  remember_until = greatest(f.remember_until, excluded.remember_until)
where coalesce(f.role = excluded.role, true)
returning good_token = $5 and ended_at is null as is_rotated`

/** The second time another role's row is seen. */
const ATTEMPTS = 2

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
    async rotate({ person: { id, role }, family, shown, next, rememberUntil }) {
      const values = [id, role, family, shown, next, rememberUntil]
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const [row] = await query<{ is_rotated: boolean }>(pool, rotateSql, values)
        if (row !== undefined) return row.is_rotated
      }
      return false
    },
    async sweep(limit) {
      return (await query(pool, sweepSql, [limit])).length
    },
  }
}
