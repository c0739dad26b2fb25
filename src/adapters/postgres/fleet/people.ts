import type { Pool } from 'pg'
import type { Person } from '../../../dispatch/ports.js'
import { type LookUp, query } from '../query.js'

/**
 * Registers people that are new and says which are active, in the order of `people`, which are all different.
 * Reads first: after the first time nothing is written. Two first times at once: the one that lost the
 * insert does not see the winner's row in its snapshot, but it is a new person, and new people are active.
 * Written in one order everywhere, so that two who register the same cannot deadlock.
 */
const seePeopleBy: LookUp = {
  name: 'see_people',
  text: `
with asked as materialized (
  select * from unnest($1::text[], $2::text[]) with ordinality as a (role, id, n)
),
added as (
  insert into people (role, id)
  select role, id from asked a where not exists (select from people p where p.role = a.role and p.id = a.id)
  order by id, role
  on conflict (id, role) do nothing
)
select coalesce(p.active, true) as "isActive"
from asked a left join people p on p.role = a.role and p.id = a.id order by a.n`,
}

const columnsOf = (people: readonly Person[]) => [people.map(({ role }) => role), people.map(({ id }) => id)]

export async function seePeople(
  pool: Pool,
  people: readonly Person[],
): Promise<readonly { readonly isActive: boolean }[]> {
  return query<{ isActive: boolean }>(pool, seePeopleBy, columnsOf(people))
}

const setPersonActiveSql = `
insert into people (role, id, active) values ($1, $2, $3)
on conflict (id, role) do update set active = excluded.active`

export async function setPersonActive(pool: Pool, { role, id }: Person, isActive: boolean): Promise<void> {
  await query(pool, setPersonActiveSql, [role, id, isActive])
}

const inactiveAmongSql = `
select p.role, p.id from unnest($1::text[], $2::text[]) as a (role, id)
join people p on p.role = a.role and p.id = a.id and not p.active`

export async function inactiveAmong(pool: Pool, people: readonly Person[]): Promise<readonly Person[]> {
  return query<Person>(pool, inactiveAmongSql, columnsOf(people))
}

const isActive = (role: Person['role'], id: string) =>
  `not exists (select from people p where p.role = '${role}' and p.id = ${id} and not p.active)`

/** A condition for a transporter's id: those that no process of this release has seen yet are active. */
export const isActiveTransporter = (id: string) => isActive('transporter', id)
/** The same for a driver's. */
export const isActiveDriver = (id: string) => isActive('driver', id)
