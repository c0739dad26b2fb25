import type { StoredInstance } from '../../../runtime/ports.js'
import type { IdempotencyKey, JournalEntry, UsedKey } from '../../../runtime/types.js'
import type { EnginePool } from '../connection/engine-schema.js'
import { actorOf, eventOf, snapshotOf } from './stored-json.js'

/** The columns of a stored instance, for every statement that reads one. `i` is the alias of `instances`. */
export const INSTANCE_COLUMNS = `
  i.id, i.machine, i.definition_version as "definitionVersion", i.version, i.status, i.owner, ${snapshotOf('i')} as snapshot,
  (extract(epoch from i.created_at) * 1000)::float8 as "createdAt",
  (extract(epoch from i.updated_at) * 1000)::float8 as "updatedAt"`

export async function loadInstances(
  pool: EnginePool,
  ids: readonly string[],
): Promise<readonly StoredInstance[]> {
  const { rows } = await pool.query<StoredInstance>({
    name: 'load_instances',
    text: `select ${INSTANCE_COLUMNS} from {instances} i where i.id = any($1::uuid[])`,
    values: [ids],
  })
  return rows
}

export async function loadHistory(
  pool: EnginePool,
  id: string,
  after: number,
  limit: number,
): Promise<readonly JournalEntry[]> {
  const { rows } = await pool.query<JournalEntry>({
    name: 'load_history',
    text: `
      select j.version, j.uid, ${eventOf('j')} as event, j.status, ${actorOf('j')} as actor,
        (extract(epoch from j.at) * 1000)::float8 as at
      from {journal} j where j.instance = $1 and j.version > $2 order by j.version limit $3`,
    values: [id, after, limit],
  })
  return rows
}

/** `lateral` with `offset 0` forces one look-up for each key in any plan (see commit-statement.ts). */
const USED_KEYS = `
select u.scope, u.key, u.fingerprint, u.instance, u.version, u.uid
from unnest($1::text[], $2::text[]) as k(scope, key)
cross join lateral (select * from {idempotency_keys} where scope = k.scope and key = k.key offset 0) u
where u.instance is not null`

export async function loadUsedKeys(
  pool: EnginePool,
  keys: readonly IdempotencyKey[],
): Promise<readonly UsedKey[]> {
  const values = [keys.map(({ scope }) => scope), keys.map(({ key }) => key)]
  return (await pool.query<UsedKey>({ name: 'load_used_keys', text: USED_KEYS, values })).rows
}
