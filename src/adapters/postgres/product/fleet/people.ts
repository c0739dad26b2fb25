import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { Person, PersonState } from '../../../../dispatch/ports.js'
import { db, lookUp, type Parameters, run, statement } from '../../connection/statement.js'
import { isDeviceOf } from '../devices-of.js'

/** Tokens of that second and before are ended; 0 is before every token. */
const endedUpTo = (validFrom: string) =>
  sql<number>`coalesce(floor(extract(epoch from ${sql.ref(validFrom)})), 0)::float8`.as('endedUpTo')

interface PeopleValues {
  readonly roles: readonly Person['role'][]
  readonly ids: readonly string[]
}

const valuesOf = (people: readonly Person[]): PeopleValues => ({
  roles: people.map(({ role }) => role),
  ids: people.map(({ id }) => id),
})

/**
 * Registers people that are new and says how they stand, in the order of `people`, which are all different.
 * Reads first: after the first time nothing is written. Two first times at once: the one that lost the
 * insert does not see the winner's row in its snapshot, but it is a new person, and new people are active.
 * Written in one order everywhere, so that two that register the same cannot deadlock.
 */
const stateOfPeople = lookUp(
  'see_people',
  ($: Parameters<PeopleValues>) => sql<PersonState>`
with asked as materialized (
  select * from unnest(${$.roles}::text[], ${$.ids}::text[]) with ordinality as a (role, id, n)
),
added as (
  insert into people (role, id)
  select role, id from asked a where not exists (select from people p where p.role = a.role and p.id = a.id)
  order by id, role
  on conflict (id, role) do nothing
)
select coalesce(p.active, true) as "isActive", ${endedUpTo('p.valid_from')}
from asked a left join people p on p.role = a.role and p.id = a.id order by a.n`,
)

export async function seePeople(pool: Pool, people: readonly Person[]): Promise<readonly PersonState[]> {
  return run(pool, stateOfPeople, valuesOf(people))
}

const activated = statement(($: Parameters<Person>) =>
  db
    .insertInto('people')
    .values({ role: $.role, id: $.id })
    .onConflict(conflict => conflict.columns(['id', 'role']).doUpdateSet({ active: sql.lit(true) })),
)

/** Sessions that were ended stay ended. */
export async function turnOn(pool: Pool, { role, id }: Person): Promise<void> {
  await run(pool, activated, { role, id })
}

interface EndValues extends Person {
  readonly turnOff: boolean
  /** `iat` of the caller's own token, in seconds, which a clock that is a little ahead may have given; 0 for none. */
  readonly issuedAt: number
  /** The administrator who turns the person off. */
  readonly by: string | null
}

/**
 * Ends all sessions of a person. The row is locked before the clock is read: a refresh that holds the lock has issued its tokens
 * before this time. The clock of the database alone decides. For the release before, which does not know the time, the
 * families of refresh tokens end too. Devices are forgotten: apps register them again when a person signs in.
 * Administrators are locked all together, in one order, when one of them turns another off. Of two that turn each
 * other off, the second finds itself turned off, and one stays.
 * Over 70 lines because it is one statement.
 */
const sessionsEnded = statement(($: Parameters<EndValues>) =>
  db
    .with(
      cte => cte('admins').materialized(),
      query =>
        query
          .selectFrom('people')
          .select(['id', 'active'])
          .where('role', '=', sql.lit('admin'))
          .orderBy('id')
          .forUpdate(),
    )
    .with(
      cte => cte('held').materialized(),
      query => query.selectFrom('people').where('role', '=', $.role).where('id', '=', $.id).forUpdate(),
    )
    .with(
      cte => cte('judged').materialized(),
      query =>
        query.selectNoFrom(eb =>
          eb
            .case()
            .when(sql<boolean>`${$.by}::text is null`)
            // Counting makes the statement wait for the lock.
            .then(sql<boolean>`(select count(*) >= 0 from held)`)
            .else(
              eb.exists(
                eb
                  .selectFrom('admins')
                  .where('id', '=', sql<string>`${$.by}`)
                  .where('active', '=', sql.lit(true)),
              ),
            )
            .end()
            .as('may_be'),
        ),
    )
    .with('ended', query =>
      query
        .insertInto('people')
        .columns(['role', 'id', 'active', 'valid_from'])
        .expression(eb =>
          eb
            .selectFrom('judged')
            .select([
              sql<string>`${$.role}`.as('role'),
              sql<string>`${$.id}`.as('id'),
              sql<boolean>`not ${$.turnOff}::boolean`.as('active'),
              sql<Date>`greatest(clock_timestamp(), to_timestamp(${$.issuedAt}::float8))`.as('valid_from'),
            ])
            .where('may_be', '=', sql.lit(true)),
        )
        .onConflict(conflict =>
          conflict.columns(['id', 'role']).doUpdateSet({
            active: sql`people.active and excluded.active`,
            valid_from: sql`greatest(people.valid_from, excluded.valid_from)`,
          }),
        )
        .returning(['active', 'valid_from']),
    )
    .with('families', query =>
      query
        .updateTable('refresh_families')
        .set({ ended_at: sql`now()` })
        .where('user_id', '=', $.id)
        .where('ended_at', 'is', null)
        .where(eb => eb.exists(eb.selectFrom('ended')))
        .where(
          sql<boolean>`(role = ${$.role} or role is null and not exists (
            select from people other where other.id = ${$.id} and other.role <> ${$.role}))`,
        ),
    )
    .with('devices_gone', query =>
      query
        .deleteFrom('devices as d')
        .where(isDeviceOf($.id, $.role))
        .where(eb => eb.exists(eb.selectFrom('ended'))),
    )
    .selectFrom('ended')
    .select(['active as isActive', endedUpTo('valid_from')]),
)

export async function endSessions(
  pool: Pool,
  { role, id }: Person,
  {
    turnOff = false,
    issuedAt = 0,
    by = null,
  }: { turnOff?: boolean; issuedAt?: number | undefined; by?: string | null | undefined },
): Promise<PersonState | undefined> {
  const [state] = await run(pool, sessionsEnded, { role, id, turnOff, issuedAt, by })
  return state
}

const endedAmong = statement(($: Parameters<PeopleValues>) =>
  db
    .selectFrom(sql<Person>`unnest(${$.roles}::text[], ${$.ids}::text[])`.as<'a'>(sql`a (role, id)`))
    .innerJoin('people as p', join => join.onRef('p.role', '=', 'a.role').onRef('p.id', '=', 'a.id'))
    .select(['a.role', 'a.id', 'p.active as isActive', endedUpTo('p.valid_from')])
    .where(eb => eb.or([eb('p.active', '=', sql.lit(false)), eb('p.valid_from', 'is not', null)])),
)

export async function endedPeople(
  pool: Pool,
  people: readonly Person[],
): Promise<readonly (Person & PersonState)[]> {
  return run(pool, endedAmong, valuesOf(people))
}

const endedSince = lookUp(
  'ended_within',
  ($: Parameters<{ ms: number }>) => sql<Person & PersonState>`
select role, id, active as "isActive", ${endedUpTo('valid_from')} from people
where valid_from > now() - ${$.ms}::float8 * interval '1 millisecond'`,
)

export async function endedWithin(pool: Pool, ms: number): Promise<readonly (Person & PersonState)[]> {
  return run(pool, endedSince, { ms })
}

/** By the claim that a customer's request holds while it seeks. */
const seekingOfInactive = statement(($: Parameters<{ customerId: string | null; withinMs: number | null }>) =>
  db
    .selectFrom('people as p')
    .innerJoin('loadcast.claims as c', join => join.on('c.key', '=', sql<string>`'customer:' || p.id`))
    .select('c.instance')
    .where('p.role', '=', sql.lit('customer'))
    .where('p.active', '=', sql.lit(false))
    .where(sql<boolean>`(${$.customerId}::text is null or p.id = ${$.customerId})`)
    .where(
      sql<boolean>`(${$.withinMs}::float8 is null
        or p.valid_from > now() - ${$.withinMs}::float8 * interval '1 millisecond')`,
    ),
)

export async function requestsOfInactive(
  pool: Pool,
  {
    customerId = null,
    withinMs = null,
  }: { customerId?: string | undefined | null; withinMs?: number | undefined | null },
): Promise<readonly string[]> {
  const rows = await run(pool, seekingOfInactive, { customerId, withinMs })
  return rows.map(({ instance }) => instance)
}

const isActive = (role: Person['role'], id: string) =>
  sql<boolean>`not exists ${db
    .selectFrom('people as p')
    .where('p.role', '=', sql.lit(role))
    .where('p.id', '=', sql.ref<string>(id))
    .where('p.active', '=', sql.lit(false))}`

/** A condition on the column of a transporter's id: those that no process of this release has seen yet are active. */
export const isActiveTransporter = (id: string) => isActive('transporter', id)
/** The same for a driver's. */
export const isActiveDriver = (id: string) => isActive('driver', id)
