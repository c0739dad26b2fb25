/*
 * The limit is what the database takes for the commit that everything here is compared with: one row at a time, with
 * nothing around it. It uses the same tables, and rows of the size of an accept by the engine (sample.ts). These are the
 * guarded UPDATE, and a row each of journal, events, outbox, timers and claims. It writes a little less than an accept,
 * which also has a row of `trips`, a second claim and, with all subscribers of the product, a second outbox row.
 */

/** SQL for the id of instance number `n`, which is below every id that the engine makes. */
export const idOf = (n: string) => `('00000000-0000-7000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`

/** Above all of these ids, and below the engine's. */
export const BEYOND_ALL = '00000000-0000-7000-9000-000000000000'

/** The names are filled in by pgbench. `n` is the number of the instance, `expected` the version it must have. */
const NAMED = `
with moved as (
  update instances
  set version = version + 1, status = :status::text, snapshot_json = :snapshot::json, updated_at = now()
  where id = ${idOf(':n::int')} and version = :expected::int
  returning id, version
),
journaled as (
  insert into journal (instance, version, uid, event_json, status, actor_json, at)
  select id, version, gen_random_uuid(), :event::json, :status::text, :actor::json, now() from moved
),
emitted as (
  insert into events (instance, version, index, type, payload_json, audience, at)
  select id, version, 0, :type::text, :payload::json, :audience::text[], now() from moved
),
queued as (
  insert into outbox (instance, version, index, subscriber, due_at)
  select id, version, 0, 'socket', now() + interval '5 seconds' from moved
),
armed as (
  insert into timers (instance, send_id, machine, generation, event_json, due_at)
  select id, :sendid::text, 'broadcast', version, :timer::json, now() + interval '1 hour' from moved
  on conflict (instance, send_id) do update
  set generation = excluded.generation, event_json = excluded.event_json, due_at = excluded.due_at, leased_until = null
)
insert into claims (key, instance) select 'driver:' || :n::int || ':' || version, id from moved`

export const NAMES = [
  'n',
  'expected',
  'status',
  'snapshot',
  'event',
  'actor',
  'type',
  'payload',
  'audience',
  'sendid',
  'timer',
] as const

export type Name = (typeof NAMES)[number]

/** On one line, because pgbench requires it. */
export const pgbenchStatement = `${NAMED.replaceAll(/\s+/g, ' ').trim()};`

/** The statement with `$1`, `$2`, … in the order of `NAMES`. */
export const statement = NAMED.replaceAll(/(?<!:):([a-z]+)/g, (_, name: Name) => {
  const place = NAMES.indexOf(name) + 1
  if (place === 0) throw new Error(`:${name} is not a parameter of the limit's statement`)
  return `$${place}`
})
