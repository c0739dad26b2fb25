import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { Person, RefreshFamilies, Rotated } from '../../../dispatch/ports.js'
import { db, type Parameters, run, statement } from '../connection/statement.js'
import { ONE_ROW } from './columns.js'

interface RotateValues extends Person {
  readonly family: string
  readonly shownToken: string
  readonly nextToken: string
  /** Seconds since the epoch, as `iat`. */
  readonly issuedAt: number
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly ttlMs: number
}

/**
 * One statement, so that nobody dies between finding a token used and ending its family. Two who show the same token at
 * once meet at the row: the second waits for the first and then finds another token good. What was ended stays ended.
 *
 * The person's row is locked before the clock is read, as when its sessions are ended (fleet/people.ts): so either that end
 * is seen here, or its time is not before the time that the new tokens bear.
 *
 * The row is `(user_id, family)`, which processes of the release before share. Where it is another role's, whose issuer
 * named its family alike, this role has a row of its own: ids of families have no spaces. A row without a role was
 * written by such a process; the one who shows its good token takes it. `taken` comes out when another role was first at
 * the same moment.
 * Over 70 lines because it is one statement.
 */
const rotated = statement(($: Parameters<RotateValues>) =>
  db
    .with(
      cte => cte('person').materialized(),
      query =>
        query
          .selectFrom('people')
          .select(['active', 'valid_from'])
          .where('role', '=', $.role)
          .where('id', '=', $.id)
          .forShare(),
    )
    .with(
      cte => cte('judged').materialized(),
      query =>
        query
          .selectFrom(ONE_ROW)
          .leftJoin('person', join => join.onTrue())
          .select([
            sql<boolean>`coalesce(active, true)`.as('is_active'),
            sql<boolean>`coalesce(floor(extract(epoch from valid_from)) >= ${$.issuedAt}, false)`.as(
              'is_ended',
            ),
            sql<Date>`clock_timestamp()`.as('at'),
          ]),
    )
    .with('rotated', query =>
      query
        .insertInto('refresh_families')
        .columns(['user_id', 'role', 'family', 'good_token', 'remember_until'])
        .expression(eb =>
          eb
            .selectFrom([
              'judged',
              query
                .selectNoFrom(({ exists, selectFrom }) =>
                  exists(
                    selectFrom('refresh_families')
                      .where('user_id', '=', $.id)
                      .where('family', '=', $.family)
                      .where('role', '<>', sql<string>`${$.role}`),
                  ).as('is_taken'),
                )
                .as('other'),
            ])
            .select([
              sql<string>`${$.id}`.as('user_id'),
              sql<string>`${$.role}`.as('role'),
              sql<string>`case when is_taken then ${$.role} || ' ' || ${$.family} else ${$.family} end`.as(
                'family',
              ),
              sql<string>`${$.nextToken}`.as('good_token'),
              sql<Date>`greatest(to_timestamp(${$.expiresAt}::float8 / 1000),
                at + ${$.ttlMs}::float8 * interval '1 millisecond')`.as('remember_until'),
            ])
            .where('is_active', '=', sql.lit(true))
            .where('is_ended', '=', sql.lit(false)),
        )
        .onConflict(conflict =>
          conflict
            .columns(['user_id', 'family'])
            .doUpdateSet({
              role: ifShown($, 'excluded.role', 'refresh_families.role'),
              ended_at: ifShown($, 'refresh_families.ended_at', 'coalesce(refresh_families.ended_at, now())'),
              good_token: ifShown($, 'excluded.good_token', 'refresh_families.good_token'),
              remember_until: sql`greatest(refresh_families.remember_until, excluded.remember_until)`,
            })
            .where(sql<boolean>`coalesce(refresh_families.role = excluded.role, true)`),
        )
        .returning(sql<boolean>`good_token = ${$.nextToken} and ended_at is null`.as('is_good')),
    )
    .selectFrom('judged')
    .select([
      sql<number>`floor(extract(epoch from at))::float8`.as('at'),
      sql<Rotated['kind'] | 'taken'>`case
        when not is_active then 'inactive'
        when is_ended then 'ended'
        when not exists (select from rotated) then 'taken'
        when (select is_good from rotated) then 'rotated'
        else 'used'
      end`.as('kind'),
    ]),
)

/** One value if the token that was shown is the family's good one, and another if not. */
function ifShown($: Parameters<RotateValues>, then: string, otherwise: string) {
  return sql<never>`case when refresh_families.good_token = ${$.shownToken} then ${sql.raw(then)}
    else ${sql.raw(otherwise)} end`
}

/** The second time another role's row is seen. */
const ATTEMPTS = 2

const swept = statement(($: Parameters<{ limit: number }>) =>
  db
    .deleteFrom('refresh_families')
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('user_id', 'family'),
        'in',
        selectFrom('refresh_families as old')
          .select(['old.user_id', 'old.family'])
          .where('old.remember_until', '<', sql<Date>`now()`)
          .orderBy('old.remember_until')
          .limit($.limit)
          .forUpdate()
          .skipLocked()
          .$asTuple('user_id', 'family'),
      ),
    )
    .returning('family'),
)

export function createRefreshFamilies(pool: Pool): RefreshFamilies {
  return {
    async rotate({ person: { role, id }, family, shown, next }) {
      const values = {
        role,
        id,
        family,
        shownToken: shown.id,
        nextToken: next.id,
        issuedAt: shown.issuedAt,
        expiresAt: shown.expiresAt,
        ttlMs: next.ttlMs,
      }
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const [row] = await run(pool, rotated, values)
        if (row === undefined) throw new Error('a left join of one row gave none')
        if (row.kind === 'rotated') return { kind: row.kind, at: row.at }
        if (row.kind !== 'taken') return { kind: row.kind }
      }
      return { kind: 'used' }
    },
    async sweep(limit) {
      return (await run(pool, swept, { limit })).length
    },
  }
}
