-- What lists and administrators need.

-- A transporter's answers that no other table tells: declines, and accepts that were refused. Accepts that won are trips.
create table answers (
  id uuid not null,
  transporter_id text not null,
  broadcast_id uuid not null,
  outcome text not null,
  driver_id text,
  vehicle_id text,
  reason text,
  primary key (transporter_id, broadcast_id, outcome)
);
comment on column answers.id is 'UUIDv7: when it was given, and its place in the list';
comment on column answers.outcome is 'DECLINED, or the code of the problem that an accept was answered with; the first of each kind is kept';
create unique index answers_newest on answers (transporter_id, id desc);

-- The id is a UUIDv7 of the time of the decline. Postgres 18 has a function for it, older ones do not: so the first 48 bits
-- of a random UUID, which has version 4, become the milliseconds, and two more bits make the version 7.
insert into answers (id, transporter_id, broadcast_id, outcome, reason)
select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from declined_at) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid,
  transporter_id, broadcast_id, 'DECLINED', decline_reason
from recipients where declined_at is not null;

-- What administrators did. The row is there before the deed, so nothing is done without one.
create table admin_actions (
  id uuid primary key,
  admin_id text not null,
  action text not null,
  target text not null,
  reason text,
  detail jsonb not null,
  begun_at timestamptz not null default clock_timestamp(),
  outcome text,
  settled_at timestamptz
);
comment on column admin_actions.outcome is 'applied, unchanged or the code of a problem; null while it is under way, and for good if its process died';
create index admin_actions_admin on admin_actions (admin_id, id desc);

-- The requests that seek, newest first: few rows, whatever the number that have ended. A claim is written once and
-- deleted once, so this costs two small index entries in a request's life, and no update of `instances` pays for it.
create index claims_seeking on claims (instance desc) where key like 'customer:%';

-- A transporter's offers that it may still answer, newest first: read from the index alone.
create index recipients_open on recipients (transporter_id, broadcast_id desc)
  where offered_at is not null and declined_at is null;
drop index recipients_transporter;

-- Fleets are listed newest first.
create index vehicles_newest on vehicles (transporter_id, created_at desc, id desc);
create index drivers_newest on drivers (transporter_id, created_at desc, id desc);
drop index vehicles_transporter;
drop index drivers_transporter;
