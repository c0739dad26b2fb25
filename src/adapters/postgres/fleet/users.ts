import type { Pool } from 'pg'
import { query } from '../query.js'

/**
 * Registers the user if it is new and says whether it is active.
 * Reads first: after the first time nothing is written. Two first times at once: the one that lost the
 * insert does not see the winner's row in its snapshot, but it is a new user, and new users are active.
 */
const seeUserSql = `
with added as (
  insert into users (id)
  select $1 where not exists (select from users where id = $1)
  on conflict (id) do nothing
)
select coalesce((select active from users where id = $1), true) as is_active`

export async function seeUser(pool: Pool, id: string): Promise<{ isActive: boolean }> {
  const rows = await query<{ is_active: boolean }>(pool, seeUserSql, [id])
  return { isActive: rows[0]?.is_active ?? true }
}

const setUserActiveSql = `
insert into users (id, active) values ($1, $2)
on conflict (id) do update set active = excluded.active`

export async function setUserActive(pool: Pool, id: string, isActive: boolean): Promise<void> {
  await query(pool, setUserActiveSql, [id, isActive])
}

const inactiveAmongSql = 'select id from users where id = any($1::text[]) and not active'

export async function inactiveAmong(pool: Pool, ids: readonly string[]): Promise<readonly string[]> {
  const rows = await query<{ id: string }>(pool, inactiveAmongSql, [ids])
  return rows.map(row => row.id)
}
