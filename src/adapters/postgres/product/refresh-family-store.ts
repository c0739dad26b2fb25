import type { Pool } from 'pg'
import type { RefreshFamilies, Rotated } from '../../../dispatch/ports.js'
import { query } from '../connection/query.js'

/**
 * One statement, so that nobody dies between finding a token used and ending its family. Two who show the same token at
 * once meet at the row: the second waits for the first and then finds another token good. What was ended stays ended.
 *
 * The person's row is locked before the clock is read, as by whoever ends its sessions (fleet/people.ts): so either that end
 * is seen here, or its time is not before the time that the new tokens bear.
 *
 * The row is `(user_id, family)`, which processes of the release before share. Where it is another role's, whose issuer
 * named its family alike, this role has a row of its own: ids of families have no spaces. A row without a role was
 * written by such a process; the one who shows its good token takes it. `taken` comes out when another role was first at
 * the same moment.
 */
const rotateSql = `
with person as materialized (
  select active, valid_from from people where role = $1 and id = $2 for share
), judged as materialized (
  select coalesce(active, true) as is_active, coalesce(floor(extract(epoch from valid_from)) >= $6, false) as is_ended,
    clock_timestamp() as at
  from (select) one left join person on true
), rotated as (
  insert into refresh_families as f (user_id, role, family, good_token, remember_until)
  select $2, $1, case when is_taken then $1 || ' ' || $3 else $3 end, $5,
    greatest(to_timestamp($7::float8 / 1000), at + $8::float8 * interval '1 millisecond')
  from judged cross join (
    select exists (select from refresh_families where user_id = $2 and family = $3 and role <> $1) as is_taken
  ) other
  where is_active and not is_ended
  on conflict (user_id, family) do update set
    role = case when f.good_token = $4 then excluded.role else f.role end,
    ended_at = case when f.good_token = $4 then f.ended_at else coalesce(f.ended_at, now()) end,
    good_token = case when f.good_token = $4 then excluded.good_token else f.good_token end,
    remember_until = greatest(f.remember_until, excluded.remember_until)
  where coalesce(f.role = excluded.role, true)
  returning good_token = $5 and ended_at is null as is_good
)
select floor(extract(epoch from at))::float8 as at, case
    when not is_active then 'inactive'
    when is_ended then 'ended'
    when not exists (select from rotated) then 'taken'
    when (select is_good from rotated) then 'rotated'
    else 'used'
  end as kind
from judged`

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
    async rotate({ person: { role, id }, family, shown, next }) {
      const values = [role, id, family, shown.id, next.id, shown.issuedAt, shown.expiresAt, next.ttlMs]
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const [row] = await query<Rotated | { kind: 'taken' }>(pool, rotateSql, values)
        if (row === undefined) throw new Error('a left join of one row gave none')
        if (row.kind !== 'taken') return row
      }
      return { kind: 'used' }
    },
    async sweep(limit) {
      return (await query(pool, sweepSql, [limit])).length
    },
  }
}
