/*
 * The limit: what the database takes of the commit that everything here is compared with, one row at a time and without
 * anything around it. The same tables and rows of the same size as those of an accept of the engine's own (sample.ts): the
 * guarded UPDATE, and a row each of journal, events, outbox, timers and claims. It writes a little less than an accept does,
 * which has a row of `trips`, a second claim and, with all the product's subscribers, a second row of the outbox.
 */

/** Instance number `n`, as SQL: below every id that the engine makes. */
export const idOf = (n: string) => `('00000000-0000-7000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`

/** Above all of those, and below the engine's. */
export const BEYOND_ALL = '00000000-0000-7000-9000-000000000000'

/** With names that pgbench fills in; `n`: which instance, `expected`: the version it must have. */
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

/** On one line, as pgbench wants it. */
export const pgbenchStatement = `${NAMED.replaceAll(/\s+/g, ' ').trim()};`

/** With `$1`, `$2`, … in the order of `NAMES`. */
export const statement = NAMED.replaceAll(/(?<!:):([a-z]+)/g, (_, name: Name) => {
  const place = NAMES.indexOf(name) + 1
  if (place === 0) throw new Error(`:${name} is no parameter of the limit's statement`)
  return `$${place}`
})
