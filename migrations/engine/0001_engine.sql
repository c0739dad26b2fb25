-- The engine's tables: one row an instance, and what its transitions leave behind. They are made in the schema that the migration is
-- given, which alone is searched while it runs. Where the product's migrations have moved its tables here, only the functions are
-- made anew, so that they search this schema.

-- A process that does not read what is written is refused when it announces itself, before it reads or writes anything. Its
-- error code means that the server cannot serve it for now: a process that was paused until now answers 503.
create or replace function refuse_old_storage_format() returns trigger language plpgsql set search_path from current as $$
declare
  written integer := (select format from storage_format);
begin
  if new.storage_format < written then
    raise exception 'this database is written in storage format %; this release reads format % at most and cannot take part',
      written, new.storage_format
      using errcode = 'object_not_in_prerequisite_state', hint = 'Start the release that migrated the database, or a newer one.';
  end if;
  return new;
end $$;

-- Below every UUIDv7 of this time, and above those of earlier milliseconds.
create or replace function first_id_at(at timestamptz) returns uuid language sql immutable as $$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes parts until three months ahead, unless there are two. A table is attached without a lock that reads or writes wait for.
-- Of several processes one makes them, and the others wait for it.
create or replace function make_journal_months() returns void language plpgsql set search_path from current as $$
declare
  month timestamptz;
  part text;
begin
  if (select made_until from journal_months) > now() + interval '2 months' then
    return;
  end if;
  select made_until into month from journal_months for update;
  while month < now() + interval '3 months' loop
    part := 'journal_' || to_char(month at time zone 'UTC', 'YYYY_MM');
    execute format('create table %I (like journal including all)', part);
    execute format('alter table journal attach partition %I for values from (%L) to (%L)', part,
      first_id_at(month), first_id_at((month at time zone 'UTC' + interval '1 month') at time zone 'UTC'));
    month := (month at time zone 'UTC' + interval '1 month') at time zone 'UTC';
  end loop;
  update journal_months set made_until = month;
end $$;

do $tables$
declare
  this_month timestamptz := date_trunc('month', now() at time zone 'UTC') at time zone 'UTC';
begin
if to_regclass('instances') is not null then
  return;
end if;

create table instances (
  id uuid primary key,
  machine text not null,
  definition_version integer not null,
  version integer not null check (version > 0),
  status text not null,
  owner text not null,
  snapshot jsonb,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  snapshot_json json,
  constraint instances_one_snapshot check ((snapshot is null) <> (snapshot_json is null))
) with (fillfactor = 50); -- room for heap-only updates: no index covers what a transition changes
comment on column instances.updated_at is 'the stamp of the last transition: later stamps are never earlier';
comment on column instances.snapshot is 'of rows that were written last in storage format 1; null in format 2';
comment on column instances.snapshot_json is 'as it was written; null in storage format 1';
create index instances_owner on instances (owner, id desc);

create table journal (
  instance uuid not null,
  version integer not null,
  uid uuid not null,
  event jsonb,
  status text not null,
  actor jsonb,
  at timestamptz not null,
  event_json json,
  actor_json json,
  primary key (instance, version),
  constraint journal_one_event check ((event is null) <> (event_json is null)),
  constraint journal_one_actor check ((actor is null) <> (actor_json is null))
) partition by range (instance);
comment on table journal is 'in parts by the month in which the instance was made';

create table events (
  instance uuid not null,
  version integer not null,
  index smallint not null,
  type text not null,
  payload jsonb,
  audience text[] not null,
  at timestamptz not null,
  recorded_at timestamptz not null default clock_timestamp(),
  late_at timestamptz,
  payload_json json,
  primary key (instance, version, index),
  constraint events_one_payload check ((payload is null) <> (payload_json is null))
);
create index events_recorded_at on events (recorded_at);
create index events_late_at on events (late_at) where late_at > '-infinity';

-- Up to when events may have been swept.
create table event_retention (
  is_only boolean primary key default true check (is_only),
  swept_before timestamptz not null
);
comment on column event_retention.swept_before is 'no event that was recorded, or marked late, after this has ever been deleted';

create table outbox (
  instance uuid not null,
  version integer not null,
  index smallint not null,
  subscriber text not null,
  attempts integer not null default 0,
  due_at timestamptz not null,
  primary key (instance, version, index, subscriber)
);
comment on column outbox.due_at is 'when another process may take it over: the lease of the one that holds it, or the next try';
create index outbox_due_at on outbox (due_at);

create table dead_letters (
  id bigint generated always as identity primary key,
  instance uuid not null,
  version integer not null,
  index smallint not null,
  subscriber text not null,
  attempts integer not null,
  error text not null,
  died_at timestamptz not null default clock_timestamp(),
  push jsonb
);
comment on column dead_letters.push is 'what was not sent; null for an event that was not delivered';
create index dead_letters_event on dead_letters (instance, version, index);

create table timers (
  instance uuid not null,
  send_id text not null,
  machine text not null,
  generation integer not null,
  event jsonb,
  due_at timestamptz not null,
  leased_until timestamptz,
  parked text check (parked in ('spent', 'dead', 'dropped')),
  ordinal integer,
  attempts integer,
  last_error text,
  original_due_at timestamptz,
  dead_letter bigint,
  died_at timestamptz,
  event_json json,
  primary key (instance, send_id),
  constraint timers_one_event check ((event is null) <> (event_json is null))
) with (fillfactor = 50); -- a lease updates it together with its neighbours
comment on column timers.generation is 'the version that armed it: a fired timer is applied only while it is still this one';
comment on column timers.ordinal is 'place among the timers that the same version armed; null counts as 0';
comment on column timers.attempts is 'attempts to fire it that failed through a fault of its own; null counts as 0';
comment on column timers.original_due_at is 'when it was due before it became a dead letter';
comment on column timers.dead_letter is 'id of the dead letter, from the sequence of dead_letters';
comment on column timers.parked is
  'why it is due at infinity: spent, its machine ignored it; dead, it is a dead letter; dropped, an operator dropped the dead letter';
create index timers_due_at on timers (due_at);
create index timers_dead on timers (dead_letter) where dead_letter is not null;

create table claims (
  key text primary key,
  instance uuid not null
);

create table idempotency_keys (
  scope text not null,
  key text not null,
  fingerprint text not null,
  instance uuid,
  version integer,
  uid uuid,
  answer jsonb,
  recorded_at timestamptz not null default now(),
  primary key (scope, key)
);
comment on column idempotency_keys.scope is 'who sent it where: user, method and path';
comment on column idempotency_keys.instance is 'with version and uid: the transition it caused; null where no instance was concerned';
comment on column idempotency_keys.answer is 'status, headers and body of the first success; null while it is still being given';
create index idempotency_keys_recorded_at on idempotency_keys (recorded_at);

create table processes (
  id uuid not null,
  machine text not null,
  version integer not null,
  alive_until timestamptz not null,
  storage_format integer not null default 1,
  primary key (id, machine)
);
comment on column processes.version is 'the newest version of the machine that the process knows';
comment on column processes.alive_until is 'a lease: a process that does not renew it is taken for dead';
comment on column processes.storage_format is 'the newest storage format that the process reads';

create table definition_versions (
  machine text primary key,
  version integer not null
);
comment on table definition_versions is 'the version in which instances of a machine are written';

create table storage_format (
  is_only boolean primary key default true check (is_only),
  format integer not null
);
comment on column storage_format.format is 'the format in which rows are written; older ones are read';
insert into storage_format (format) values (2);

create table sweeps (
  name text primary key,
  due_at timestamptz not null,
  position uuid
);
comment on column sweeps.due_at is 'when any process may take the next turn';
comment on column sweeps.position is 'where the next turn goes on; null at the beginning';

create trigger processes_read_storage_format before insert or update on processes
  for each row execute function refuse_old_storage_format();

create table journal_months (
  is_only boolean primary key default true check (is_only),
  made_until timestamptz not null
);
comment on column journal_months.made_until is 'there is a part for every instance that is made before this';

-- A part for ids of earlier months, one for ids that are no UUIDv7 of this century, and the months between.
create table journal_first (like journal including all);
execute format('alter table journal attach partition journal_first for values from (minvalue) to (%L)', first_id_at(this_month));
create table journal_other (like journal including all);
alter table journal attach partition journal_other for values from ('03bb2cc3-d800-0000-0000-000000000000') to (maxvalue);
insert into journal_months (made_until) values (this_month);
perform make_journal_months();
end $tables$;
