import { sql } from 'kysely'
import { LRUCache } from 'lru-cache'
import type { Pool } from 'pg'
import type { IdempotencyStore, KeptKey } from '../../../dispatch/ports.js'
import { gathered } from '../../../runtime/gathered.js'
import type { IdempotencyKey } from '../../../runtime/types.js'
import { db, type Parameters, run, statement } from '../connection/statement.js'

const keptKey = statement(($: Parameters<{ scope: string; key: string }>) =>
  db
    .selectFrom('loadcast.idempotency_keys')
    .select([
      'fingerprint',
      'answer',
      sql<
        KeptKey['used']
      >`case when instance is null then null else jsonb_build_object('scope', scope, 'key', key,
        'fingerprint', fingerprint, 'instance', instance, 'version', version, 'uid', uid) end`.as('used'),
    ])
    .where('scope', '=', $.scope)
    .where('key', '=', $.key),
)

interface Answered {
  readonly key: IdempotencyKey
  readonly answer: unknown
  readonly person: string
}

/** Persons that are known to have used up their keys: some 10 MB. Of more, the first ones are let through once again. */
const MAX_SPENT_KEPT = 100_000

interface SaveValues {
  readonly scopes: readonly string[]
  readonly keys: readonly string[]
  readonly fingerprints: readonly string[]
  readonly answers: readonly string[]
}

/**
 * The first answer stays. A row without one was made by the commit that the answer belongs to. Written in one order
 * everywhere, so that two cannot deadlock.
 */
const insertKeys = ($: Parameters<SaveValues>) =>
  db
    .insertInto('loadcast.idempotency_keys')
    .columns(['scope', 'key', 'fingerprint', 'answer'])
    .expression(
      db
        .selectFrom(
          sql<{ scope: string; key: string; fingerprint: string; answer: unknown }>`
            unnest(${$.scopes}::text[], ${$.keys}::text[], ${$.fingerprints}::text[], ${$.answers}::jsonb[])`.as<'a'>(
            sql`a (scope, key, fingerprint, answer)`,
          ),
        )
        .selectAll()
        .orderBy('scope')
        .orderBy('key'),
    )
    .onConflict(conflict =>
      conflict.columns(['scope', 'key']).doUpdateSet({
        answer: sql`case when idempotency_keys.fingerprint = excluded.fingerprint then coalesce(idempotency_keys.answer, excluded.answer)
          else idempotency_keys.answer end`,
      }),
    )
    .returning(['scope', 'key', 'fingerprint'])

const saved = statement(insertKeys)

/** The same, and counts the keys of each person. Counted after the keys are written: two of these lock in one order. */
const savedAndCounted = statement(($: Parameters<SaveValues & { persons: readonly string[] }>) =>
  db
    .with('kept', () => insertKeys($))
    .with('counted', query =>
      query
        .insertInto('idempotency_key_counts')
        .columns(['day', 'person', 'used'])
        .expression(
          query
            .selectFrom(sql<{ person: string }>`unnest(${$.persons}::text[])`.as<'p'>(sql`p (person)`))
            .select(({ fn }) => [
              sql<Date>`(now() at time zone 'UTC')::date`.as('day'),
              'p.person',
              fn.countAll<number>().as('used'),
            ])
            .where(sql<boolean>`(select count(*) from kept) > 0`)
            .groupBy('p.person')
            .orderBy('p.person'),
        )
        .onConflict(conflict =>
          conflict
            .columns(['day', 'person'])
            .doUpdateSet({ used: sql`idempotency_key_counts.used + excluded.used` }),
        )
        .returning(['person', 'used']),
    )
    .selectFrom(
      sql<{ scope: string; key: string; person: string }>`
        unnest(${$.scopes}::text[], ${$.keys}::text[], ${$.persons}::text[])`.as<'a'>(
        sql`a (scope, key, person)`,
      ),
    )
    .innerJoin('kept', join => join.onRef('kept.scope', '=', 'a.scope').onRef('kept.key', '=', 'a.key'))
    .innerJoin('counted', 'counted.person', 'a.person')
    .selectAll('kept')
    .select([
      'counted.person',
      'counted.used',
      sql<number>`(extract(epoch from date_trunc('day', now() at time zone 'UTC') + interval '1 day'
        - now() at time zone 'UTC') * 1000)::float8`.as('dayLeftMs'),
    ]),
)

/** A count is of use on its day. One day more covers clocks that differ. */
const countsSwept = statement(($: Parameters<{ limit: number }>) =>
  db.deleteFrom('idempotency_key_counts').where(
    sql<boolean>`ctid = any(array(
      select ctid from idempotency_key_counts where day < (now() at time zone 'UTC')::date - 1 limit ${$.limit}
      for update skip locked
    ))`,
  ),
)

/** In batches, so that no sweep holds locks for long; other processes sweep other rows. */
const keysSwept = statement(($: Parameters<{ olderThanMs: number; limit: number }>) =>
  db
    .deleteFrom('loadcast.idempotency_keys')
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('scope', 'key'),
        'in',
        selectFrom('loadcast.idempotency_keys as old')
          .select(['old.scope', 'old.key'])
          .where(
            'old.recorded_at',
            '<',
            sql<Date>`now() - ${$.olderThanMs}::float8 * interval '1 millisecond'`,
          )
          .orderBy('old.recorded_at')
          .limit($.limit)
          .forUpdate()
          .skipLocked()
          .$asTuple('scope', 'key'),
      ),
    )
    .returning('scope'),
)

interface SavedRow extends IdempotencyKey {
  readonly person?: string
  readonly used?: number
  readonly dayLeftMs?: number
}

const nameOf = ({ scope, key }: IdempotencyKey) => JSON.stringify([scope, key])

/** `perDay`: keys of one person in a day, 0 for any number. */
export function createIdempotencyStore(pool: Pool, { perDay = 0 } = {}): IdempotencyStore {
  const isCounted = perDay > 0
  const spentUntil = new LRUCache<string, number>({ max: MAX_SPENT_KEPT })

  function note({ person, used, dayLeftMs }: SavedRow): void {
    if (person === undefined || used === undefined || dayLeftMs === undefined || used < perDay) return
    spentUntil.set(person, performance.now() + dayLeftMs)
  }

  /** Of each, in their order, whether its key was used for the same as before. Of one key there may be one answer. */
  async function save(all: readonly Answered[]): Promise<readonly boolean[]> {
    const values = {
      scopes: all.map(({ key }) => key.scope),
      keys: all.map(({ key }) => key.key),
      fingerprints: all.map(({ key }) => key.fingerprint),
      answers: all.map(({ answer }) => JSON.stringify(answer)),
    }
    const rows: readonly SavedRow[] = isCounted
      ? await run(pool, savedAndCounted, { ...values, persons: all.map(({ person }) => person) })
      : await run(pool, saved, values)
    for (const row of rows) note(row)
    const kept = new Map(rows.map(row => [nameOf(row), row.fingerprint]))
    return all.map(({ key }) => kept.get(nameOf(key)) === key.fingerprint)
  }

  const saveAnswer = gathered(({ key }: Answered) => JSON.stringify(key), save)

  return {
    async find({ scope, key }) {
      const [kept] = await run(pool, keptKey, { scope, key })
      return kept
    },
    save: (key, answer, person) => saveAnswer({ key, answer, person }),
    spentFor(person) {
      const until = spentUntil.get(person)
      if (until === undefined) return undefined
      const leftMs = until - performance.now()
      if (leftMs > 0) return leftMs
      spentUntil.delete(person)
      return undefined
    },
    async sweep(olderThanMs, limit) {
      if (isCounted) await run(pool, countsSwept, { limit })
      return (await run(pool, keysSwept, { olderThanMs, limit })).length
    },
  }
}
