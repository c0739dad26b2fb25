import { LRUCache } from 'lru-cache'
import type { Pool } from 'pg'
import type { IdempotencyStore, KeptKey } from '../../../dispatch/ports.js'
import { gathered } from '../../../runtime/gathered.js'
import type { IdempotencyKey } from '../../../runtime/types.js'
import { query } from '../connection/query.js'

const findSql = `
select fingerprint, answer,
  case when instance is null then null else jsonb_build_object('scope', scope, 'key', key,
    'fingerprint', fingerprint, 'instance', instance, 'version', version, 'uid', uid) end as used
from {idempotency_keys} where scope = $1 and key = $2`

interface Answered {
  readonly key: IdempotencyKey
  readonly answer: unknown
  readonly person: string
}

/** Persons that are known to have used up their keys: some 10 MB. Of more, the first ones are let through once again. */
const MAX_SPENT_KEPT = 100_000

/**
 * The first answer stays. A row without one was made by the commit that the answer belongs to. Written in one order
 * everywhere, so that two cannot deadlock.
 */
const saveSql = `
insert into {idempotency_keys} as k (scope, key, fingerprint, answer)
select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]) as a (scope, key, fingerprint, answer)
order by scope, key
on conflict (scope, key) do update
set answer = case when k.fingerprint = excluded.fingerprint then coalesce(k.answer, excluded.answer) else k.answer end
returning scope, key, fingerprint`

/** The same, and counts the keys of each person. Counted after the keys are written: two of these lock in one order. */
const saveAndCountSql = `
with kept as (${saveSql}),
counted as (
  insert into idempotency_key_counts as c (day, person, used)
  select (now() at time zone 'UTC')::date, p.person, count(*) from unnest($5::text[]) as p (person)
  where (select count(*) from kept) > 0
  group by p.person order by p.person
  on conflict (day, person) do update set used = c.used + excluded.used
  returning person, used
)
select kept.*, counted.person, counted.used,
  (extract(epoch from date_trunc('day', now() at time zone 'UTC') + interval '1 day' - now() at time zone 'UTC') * 1000
  )::float8 as "dayLeftMs"
from unnest($1::text[], $2::text[], $5::text[]) as a (scope, key, person)
join kept on kept.scope = a.scope and kept.key = a.key
join counted on counted.person = a.person`

/** A count is of use on its day. One day more covers clocks that differ. */
const sweepCountsSql = `
delete from idempotency_key_counts where ctid = any(array(
  select ctid from idempotency_key_counts where day < (now() at time zone 'UTC')::date - 1 limit $1
  for update skip locked
))`

/** In batches, so that no sweep holds locks for long; other processes sweep other rows. */
const sweepSql = `
delete from {idempotency_keys} where (scope, key) in (
  select scope, key from {idempotency_keys}
  where recorded_at < now() - $1::float8 * interval '1 millisecond'
  order by recorded_at limit $2
  for update skip locked
)
returning 1`

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
    const rows = await query<SavedRow>(pool, isCounted ? saveAndCountSql : saveSql, [
      all.map(({ key }) => key.scope),
      all.map(({ key }) => key.key),
      all.map(({ key }) => key.fingerprint),
      all.map(({ answer }) => JSON.stringify(answer)),
      ...(isCounted ? [all.map(({ person }) => person)] : []),
    ])
    for (const row of rows) note(row)
    const kept = new Map(rows.map(row => [nameOf(row), row.fingerprint]))
    return all.map(({ key }) => kept.get(nameOf(key)) === key.fingerprint)
  }

  const saveAnswer = gathered(({ key }: Answered) => JSON.stringify(key), save)

  return {
    async find({ scope, key }) {
      const [kept] = await query<KeptKey>(pool, findSql, [scope, key])
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
      if (isCounted) await query(pool, sweepCountsSql, [limit])
      return (await query(pool, sweepSql, [olderThanMs, limit])).length
    },
  }
}
