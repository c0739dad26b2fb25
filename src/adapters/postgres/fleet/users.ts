import type { Pool } from 'pg'
import { type LookUp, query } from '../query.js'

/**
 * Registers users that are new and says which are active, in the order of `ids`, which are all different.
 * Reads first: after the first time nothing is written. Two first times at once: the one that lost the
 * insert does not see the winner's row in its snapshot, but it is a new user, and new users are active.
 * Written in one order everywhere, so that two who register the same cannot deadlock.
 */
const seeUsersBy: LookUp = {
  name: 'see_users',
  text: `
with asked as materialized (
  select * from unnest($1::text[]) with ordinality as a (id, n)
),
added as (
  insert into users (id)
  select id from asked a where not exists (select from users u where u.id = a.id)
  order by id
  on conflict (id) do nothing
)
select coalesce(u.active, true) as "isActive" from asked a left join users u on u.id = a.id order by a.n`,
}

export async function seeUsers(
  pool: Pool,
  ids: readonly string[],
): Promise<readonly { readonly isActive: boolean }[]> {
  return query<{ isActive: boolean }>(pool, seeUsersBy, [ids])
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
