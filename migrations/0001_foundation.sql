-- The engine's tables: one row an instance, and what its transitions leave behind.

create table instances (
  id uuid primary key,
  machine text not null,
  definition_version integer not null,
  version integer not null check (version > 0),
  status text not null,
  owner text not null,
  snapshot jsonb not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
) with (fillfactor = 70); -- room for heap-only updates: no index covers what a transition changes
comment on column instances.updated_at is 'the stamp of the last transition: later stamps are never earlier';
create index instances_owner on instances (owner, id desc);

create table journal (
  instance uuid not null,
  version integer not null,
  uid uuid not null,
  event jsonb not null,
  status text not null,
  actor jsonb not null,
  at timestamptz not null,
  primary key (instance, version)
);

create table events (
  instance uuid not null,
  version integer not null,
  index smallint not null,
  type text not null,
  payload jsonb not null,
  audience text[] not null,
  at timestamptz not null,
  recorded_at timestamptz not null default clock_timestamp(),
  late_at timestamptz,
  primary key (instance, version, index)
);
create index events_recorded_at on events (recorded_at);
create index events_late_at on events (late_at) where late_at is not null;

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
  died_at timestamptz not null default clock_timestamp()
);

create table timers (
  instance uuid not null,
  send_id text not null,
  machine text not null,
  generation integer not null,
  event jsonb not null,
  due_at timestamptz not null,
  leased_until timestamptz,
  primary key (instance, send_id)
);
comment on column timers.generation is 'the version that armed it: a fired timer is applied only while it is still this one';
create index timers_due_at on timers (due_at);

create table claims (
  key text primary key,
  instance uuid not null
);

-- Trips: a projection of the broadcast's snapshot. It answers lists and finds the instance; it decides nothing.

create table trips (
  id uuid primary key,
  instance uuid not null,
  version integer not null,
  truck_id text not null,
  customer_id text not null,
  transporter_id text not null,
  driver_id text not null,
  vehicle_id text not null,
  status text not null,
  driver jsonb not null,
  vehicle jsonb not null,
  assigned_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz
);
create index trips_instance on trips (instance);
create index trips_transporter on trips (transporter_id, id desc);
create index trips_driver on trips (driver_id, id desc);

-- Users and the fleet: facts that requests are judged by.

create table users (
  id text primary key,
  active boolean not null default true,
  created_at timestamptz not null default now()
);

create table transporters (
  id text primary key references users,
  is_available boolean not null default false,
  changes timestamptz[] not null default '{}'
);
comment on column transporters.changes is 'the last changes of is_available, oldest first: what the limit on toggling counts';

create table vehicles (
  id text primary key,
  transporter_id text not null references users,
  vehicle_type text not null,
  number text not null,
  created_at timestamptz not null default now()
);
create index vehicles_transporter on vehicles (transporter_id, id);
create index vehicles_type on vehicles (vehicle_type, transporter_id);

create table drivers (
  id text primary key,
  transporter_id text not null references users,
  name text not null,
  phone text,
  is_online boolean not null default false,
  vehicle_id text references vehicles on delete set null,
  created_at timestamptz not null default now()
);
comment on column drivers.vehicle_id is 'the vehicle the driver named last';
create index drivers_transporter on drivers (transporter_id, id);

-- Reach: who was offered a request, at which step, how far away, or why not.

create table recipients (
  broadcast_id uuid not null,
  transporter_id text not null,
  step text not null,
  distance_km real,
  offered_at timestamptz,
  reason text,
  declined_at timestamptz,
  decline_reason text,
  primary key (broadcast_id, transporter_id),
  check (offered_at is not null or reason is not null)
);
create index recipients_transporter on recipients (transporter_id, broadcast_id desc);
