import type { Pool } from 'pg'
import type { Person, PersonState } from '../../../../dispatch/ports.js'
import { type LookUp, query } from '../../connection/query.js'
import { isDeviceOf } from '../devices-of.js'

/** Tokens of that second and before are ended; 0 is before every token. */
const endedUpTo = (validFrom: string) =>
  `coalesce(floor(extract(epoch from ${validFrom})), 0)::float8 as "endedUpTo"`

/**
 * Registers people that are new and says how they stand, in the order of `people`, which are all different.
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
select coalesce(p.active, true) as "isActive", ${endedUpTo('p.valid_from')}
from asked a left join people p on p.role = a.role and p.id = a.id order by a.n`,
}

const columnsOf = (people: readonly Person[]) => [people.map(({ role }) => role), people.map(({ id }) => id)]

export async function seePeople(pool: Pool, people: readonly Person[]): Promise<readonly PersonState[]> {
  return query<PersonState>(pool, seePeopleBy, columnsOf(people))
}

const turnOnSql = `
insert into people (role, id) values ($1, $2)
on conflict (id, role) do update set active = true`

/** Sessions that were ended stay ended. */
export async function turnOn(pool: Pool, { role, id }: Person): Promise<void> {
  await query(pool, turnOnSql, [role, id])
}

/**
 * Ends all sessions of a person, and turns it off if $3. The row is locked before the clock is read: a refresh that holds
 * the lock has issued its tokens before this time. The clock of the database alone decides; $4 is the `iat` of the caller's
 * own token, which a clock that is a little ahead may have given. For the release before, which does not know the time, the
 * families of refresh tokens end too. Devices are forgotten: apps register them when somebody signs in.
 * Administrators are locked all together, in one order, when one of them ($5) turns another off: of two who turn each other
 * off, the second finds itself turned off, and one stays.
 */
const endSessionsSql = `
with admins as materialized (
  select id, active from people where role = 'admin' order by id for update
), held as materialized (
  select from people where role = $1 and id = $2 for update
), judged as materialized (
  select case when $5::text is null then (select count(*) >= 0 from held)
    else exists (select from admins where id = $5 and active) end as may_be
), ended as (
  insert into people as p (role, id, active, valid_from)
  select $1, $2, not $3::boolean, greatest(clock_timestamp(), to_timestamp($4::float8)) from judged where may_be
  on conflict (id, role) do update set
    active = p.active and excluded.active, valid_from = greatest(p.valid_from, excluded.valid_from)
  returning p.active, p.valid_from
), families as (
  update refresh_families set ended_at = now()
  where user_id = $2 and ended_at is null and exists (select from ended) and (role = $1 or role is null and not exists (
    select from people other where other.id = $2 and other.role <> $1))
), devices_gone as (
  delete from devices d where ${isDeviceOf('$2', '$1')} and exists (select from ended)
)
select active as "isActive", ${endedUpTo('valid_from')} from ended`

export async function endSessions(
  pool: Pool,
  { role, id }: Person,
  {
    turnOff = false,
    issuedAt,
    by,
  }: { turnOff?: boolean; issuedAt?: number | undefined; by?: string | undefined },
): Promise<PersonState | undefined> {
  const [state] = await query<PersonState>(pool, endSessionsSql, [
    role,
    id,
    turnOff,
    issuedAt ?? 0,
    by ?? null,
  ])
  return state
}

const endedPeopleSql = `
select p.role, p.id, p.active as "isActive", ${endedUpTo('p.valid_from')}
from unnest($1::text[], $2::text[]) as a (role, id)
join people p on p.role = a.role and p.id = a.id and (not p.active or p.valid_from is not null)`

export async function endedPeople(
  pool: Pool,
  people: readonly Person[],
): Promise<readonly (Person & PersonState)[]> {
  return query<Person & PersonState>(pool, endedPeopleSql, columnsOf(people))
}

const endedWithinBy: LookUp = {
  name: 'ended_within',
  text: `
select role, id, active as "isActive", ${endedUpTo('valid_from')} from people
where valid_from > now() - $1::float8 * interval '1 millisecond'`,
}

export async function endedWithin(pool: Pool, ms: number): Promise<readonly (Person & PersonState)[]> {
  return query<Person & PersonState>(pool, endedWithinBy, [ms])
}

/** By the claim that a customer's request holds while it seeks. */
const requestsOfInactiveSql = `
select c.instance as id from people p join {claims} c on c.key = 'customer:' || p.id
where p.role = 'customer' and not p.active and ($1::text is null or p.id = $1)
  and ($2::float8 is null or p.valid_from > now() - $2::float8 * interval '1 millisecond')`

export async function requestsOfInactive(
  pool: Pool,
  { customerId, withinMs }: { customerId?: string | undefined; withinMs?: number | undefined },
): Promise<readonly string[]> {
  const rows = await query<{ id: string }>(pool, requestsOfInactiveSql, [
    customerId ?? null,
    withinMs ?? null,
  ])
  return rows.map(({ id }) => id)
}

const isActive = (role: Person['role'], id: string) =>
  `not exists (select from people p where p.role = '${role}' and p.id = ${id} and not p.active)`

/** A condition for a transporter's id: those that no process of this release has seen yet are active. */
export const isActiveTransporter = (id: string) => isActive('transporter', id)
/** The same for a driver's. */
export const isActiveDriver = (id: string) => isActive('driver', id)
