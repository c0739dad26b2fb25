/*
 * The one statement that commits transitions of one or many instances: the guarded UPDATE or INSERT of their rows, and
 * all other writes, joined to the rows that changed. All its parts see the database as it was before the statement.
 *
 * Two of these that lock in opposite orders deadlock (tried on Postgres 18), so the input is sorted. A claim that
 * another instance holds would abort the whole statement (23505), so claims are checked first.
 *
 * JSON comes as one document for each column, because in an array of the protocol every quote would be escaped. Values
 * that a machine reads back are never cast to jsonb in storage format 2 (stored-json.ts).
 *
 * Every large table is bounded by `= any(…)` beside its join. A plan made while tables were small may join by hash or
 * merge, and would read a whole index for it. A key of two columns is looked up by `lateral` with `offset 0` instead,
 * because before Postgres 17 no index is searched by two `= any(…)`.
 */
import type { ColumnType } from '../../../runtime/definition.js'
import { sameStamp } from './same-stamp.js'
import { formatOrLookUp } from './storage-format.js'
import { asJson, asJsonb } from './stored-json.js'

export interface ProjectionShape {
  readonly table: string
  readonly columns: Readonly<Record<string, ColumnType>>
}

/** The number of fixed parameters. One for each projection follows. See commit-parameters.ts. */
const FIXED_PARAMETERS = 41

/** The storage format to write. If the parameter is null, the statement looks it up. */
const FORMAT = '$41'
const SETTLED = `${FORMAT}::int`
const LOOKED_UP = formatOrLookUp(FORMAT)

/**
 * Rows that the preconditions of one parameter name. All are of one table, with the same columns and the same
 * `isThere`.
 */
export interface PreconditionShape {
  readonly table: string
  readonly columns: Readonly<Record<string, 'text' | 'boolean'>>
  readonly isThere: boolean
}

/** Over 70 lines because it is one statement: its parts are read in this order, and by the numbers of their parameters. */
const fixedParts = (preconditions: readonly string[], limits: string | undefined, format: string) => `
input as materialized (
  select * from rows from (
    unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::int[], $6::text[], $7::text[], $9::float8[], $10::float8[], $11::float8[]),
    json_array_elements($8::json)
  ) as i(id, machine, definition_version, expected, version, status, owner, created_at, updated_at, expected_at, snapshot)
),
wanted as materialized (
  select * from unnest($12::uuid[], $13::text[], $14::bool[]) as w(instance, key, is_taken)
),
claimed as materialized (
  select w.instance, w.key, c.instance as holder
  from wanted w join {claims} c on c.key = w.key and c.instance <> w.instance
  where c.key = any($13::text[])
),
lost as materialized (
  select g.instance, g.send_id
  from unnest($15::uuid[], $16::text[], $17::int[]) as g(instance, send_id, generation)
  where not exists (
    select from {timers} t
    where t.instance = any($15::uuid[]) and t.instance = g.instance and t.send_id = g.send_id and t.generation = g.generation
      and t.due_at < 'infinity'
  )
),
keyed as materialized (
  select k.instance, u.scope, u.key, u.fingerprint, u.instance as user_instance, u.version, u.uid
  from jsonb_to_recordset($40::jsonb)
    as k(scope text, key text, fingerprint text, instance uuid, version int, uid uuid)
  cross join lateral (select * from {idempotency_keys} where scope = k.scope and key = k.key offset 0) u
),
${preconditions.length === 0 ? '' : `unmet as materialized (${preconditions.join('\nunion all')}),`}
${limits === undefined ? '' : fullOf(limits)}
fit as materialized (
  select * from input i
  where not exists (select from claimed c where c.instance = i.id)
    and not exists (select from lost l where l.instance = i.id)
    and not exists (select from keyed k where k.instance = i.id)
    ${preconditions.length === 0 ? '' : 'and not exists (select from unmet u where u.of_instance = i.id)'}
    ${limits === undefined ? '' : 'and not exists (select from full_owners o where o.instance = i.id)'}
),
updated as (
  update {instances} t
  set version = f.version, status = f.status,
      snapshot = ${asJsonb('f.snapshot', format)}, snapshot_json = ${asJson('f.snapshot', format)},
      definition_version = f.definition_version, updated_at = to_timestamp(f.updated_at / 1000)
  from fit f
  where f.expected > 0 and t.id = any($1::uuid[]) and t.id = f.id and t.version = f.expected
    and ${sameStamp('t.updated_at', 'f.expected_at')}
  returning t.id
),
created as (
  insert into {instances}
    (id, machine, definition_version, version, status, owner, snapshot, snapshot_json, created_at, updated_at)
  select id, machine, definition_version, version, status, owner, ${asJsonb('snapshot', format)},
         ${asJson('snapshot', format)}, to_timestamp(created_at / 1000), to_timestamp(updated_at / 1000)
  from fit where expected = 0
  on conflict (id) do nothing
  returning id
),
moved as materialized (select id from updated union all select id from created),
journaled as (
  insert into {journal} (instance, version, uid, event, event_json, status, actor, actor_json, at)
  select j.instance, j.version, j.uid, ${asJsonb('j.event', format)}, ${asJson('j.event', format)}, j.status,
         ${asJsonb('j.actor', format)}, ${asJson('j.actor', format)}, to_timestamp(j.at / 1000)
  from rows from (
    unnest($18::uuid[], $19::int[], $20::uuid[], $22::text[], $24::float8[]),
    json_array_elements($21::json), json_array_elements($23::json)
  ) as j(instance, version, uid, status, at, event, actor)
  join moved m on m.id = j.instance
),
emitted as (
  insert into {events} (instance, version, index, type, payload, payload_json, audience, at)
  select e.instance, e.version, e.index, e.type, ${asJsonb('e.payload', format)}, ${asJson('e.payload', format)},
         array(select jsonb_array_elements_text(e.audience)), to_timestamp(e.at / 1000)
  from rows from (
    unnest($25::uuid[], $26::int[], $27::int[], $28::text[], $31::float8[]),
    json_array_elements($29::json), jsonb_array_elements($30::jsonb)
  ) as e(instance, version, index, type, at, payload, audience)
  join moved m on m.id = e.instance
),
queued as (
  insert into {outbox} (instance, version, index, subscriber, due_at)
  select o.instance, o.version, o.index, o.subscriber, now() + $32::float8 * interval '1 millisecond'
  from unnest($33::uuid[], $34::int[], $35::int[], $36::text[]) as o(instance, version, index, subscriber)
  join moved m on m.id = o.instance
),
claims_freed as (
  delete from {claims} c
  using jsonb_to_recordset($37::jsonb) as f(instance uuid, key text), moved m
  where m.id = f.instance and c.key = f.key and c.instance = f.instance
    and c.key = any(array(select f.key from jsonb_to_recordset($37::jsonb) as f(key text)))
),
claims_taken as (
  insert into {claims} (key, instance)
  select w.key, w.instance from wanted w join moved m on m.id = w.instance where w.is_taken order by w.key
),
keys_used as (
  insert into {idempotency_keys} (scope, key, fingerprint, instance, version, uid)
  select k.scope, k.key, k.fingerprint, k.instance, k.version, k.uid
  from jsonb_to_recordset($40::jsonb)
    as k(scope text, key text, fingerprint text, instance uuid, version int, uid uuid)
  join moved m on m.id = k.instance
  order by k.scope, k.key
),
timers_removed as (
  delete from {timers} t
  using jsonb_to_recordset($38::jsonb) as r(instance uuid, send_id text), moved m
  where t.instance = any($1::uuid[]) and m.id = r.instance and t.instance = r.instance
    and (r.send_id is null or t.send_id = r.send_id)
),
timers_set as (
  insert into {timers} (instance, send_id, machine, generation, event, event_json, due_at, parked, ordinal)
  select s.instance, s.send_id, s.machine, s.generation, ${asJsonb('s.event', format)}, ${asJson('s.event', format)},
         case when s.parked is null then to_timestamp(s.due_at / 1000) else 'infinity' end, s.parked,
         s.ordinal
  from json_to_recordset($39::json)
    as s(instance uuid, send_id text, machine text, generation int, event json, due_at float8, parked text,
      ordinal int)
  join moved m on m.id = s.instance
  on conflict (instance, send_id) do update
  set generation = excluded.generation, event = excluded.event, event_json = excluded.event_json, due_at = excluded.due_at,
      leased_until = null, parked = excluded.parked, ordinal = excluded.ordinal, attempts = null, last_error = null,
      original_due_at = null, dead_letter = null, died_at = null
)`

const RESULT = `
select 'moved' as kind, id as instance, null as key, null::uuid as holder, null::jsonb as used from moved
union all select 'claimed', instance, key, holder, null from claimed
union all select 'lost', instance, send_id, null, null from lost
union all select 'keyed', instance, null, null, jsonb_build_object('scope', scope, 'key', key,
  'fingerprint', fingerprint, 'instance', user_instance, 'version', version, 'uid', uid) from keyed`

const UNMET = `
union all select 'unmet', of_instance, place::text, null, null from unmet`

const LIMITED = `
union all select 'limited', instance, place::text, null, to_jsonb(wait_ms) from full_owners`

/** The statement's text. Projections and preconditions must be in the order of their parameters. */
export function commitStatement(
  projections: readonly ProjectionShape[],
  preconditions: readonly PreconditionShape[] = [],
  /** Whether the parameter for the storage format is given. */
  isSettled = true,
  /** Whether any write has limits, which are then the last parameter. */
  isLimited = false,
): string {
  const parts = projections.map((projection, i) => upsert(projection, `$${FIXED_PARAMETERS + 1 + i}`))
  const first = FIXED_PARAMETERS + 1 + projections.length
  const unmet = preconditions.map((shape, i) => unmetOf(shape, `$${first + i}`))
  const limits = isLimited ? `$${first + preconditions.length}` : undefined
  const fixed = fixedParts(unmet, limits, isSettled ? SETTLED : LOOKED_UP)
  const results = [RESULT, preconditions.length === 0 ? '' : UNMET, isLimited ? LIMITED : '']
  return `with ${[fixed, ...parts].join(',')}\n${results.join('')}`
}

/**
 * A row that must exist is locked, and its current version is checked (`for key share` could return an outdated
 * version). A commit never waits for that lock: a row that is being changed counts as gone, and the caller reads again.
 * The row is found by its first column alone, because a plan made on empty tables might use the index of another
 * column.
 */
function unmetOf({ table, columns, isThere }: PreconditionShape, parameter: string): string {
  const [key = '', ...others] = Object.keys(columns).map(identifier)
  const types = Object.entries(columns).map(([name, type]) => `${identifier(name)} ${type}`)
  return `
  select p.of_instance, p.place
  from jsonb_to_recordset(${parameter}::jsonb) as p(of_instance uuid, place int, ${types.join(', ')})
  where ${isThere ? 'not exists' : 'exists'} (
    select from (
      select * from ${identifier(table)} t where t.${key} = p.${key} offset 0 ${isThere ? 'for share skip locked' : ''}
    ) t
    where ${['true', ...others.map(name => `t.${name} = p.${name}`)].join(' and ')}
  )`
}

/**
 * Owners that are at one of their limits, or whose count another transaction holds (-1). Repeats are not counted:
 * writes that a held claim or a used key prevents are left out.
 */
const fullOf = (parameter: string) => `full_owners as materialized (
  select l.instance, l.place, room.wait_ms
  from jsonb_to_recordset(${parameter}::jsonb)
    as l(instance uuid, place int, owner text, max int, window_ms float8, status text)
  cross join lateral {room_for_instance}(l.owner, l.max, l.window_ms, l.status) as room(wait_ms)
  where not exists (select from claimed c where c.instance = l.instance)
    and not exists (select from keyed k where k.instance = l.instance)
    and room.wait_ms is not null
),`

function upsert({ table, columns }: ProjectionShape, parameter: string): string {
  const names = Object.keys(columns).map(identifier)
  const all = ['instance', 'version', ...names]
  const types = Object.entries(columns).map(([name, type]) => `${identifier(name)} ${type}`)
  const updates = all
    .filter(name => name !== '"id"' && name !== 'instance')
    .map(name => `${name} = excluded.${name}`)
  return `
${identifier(`projected_${table}`)} as (
  insert into ${identifier(table)} (${all.join(', ')})
  select ${all.map(name => `p.${name}`).join(', ')}
  from jsonb_to_recordset(${parameter}::jsonb) as p(instance uuid, version integer, ${types.join(', ')})
  join moved m on m.id = p.instance
  on conflict (id) do update set ${updates.join(', ')}
)`
}

/** Identifiers come from definitions, not from clients. The check keeps a typing error from becoming SQL. */
function identifier(name: string): string {
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) throw new Error(`"${name}" is not a plain SQL identifier`)
  return `"${name}"`
}
