-- Push: the devices that people may be woken on, and what is still to be sent to them.

create table devices (
  id bigint generated always as identity primary key,
  token text not null unique,
  user_id text not null references users,
  platform text not null check (platform in ('android', 'ios', 'web')),
  registered_at timestamptz not null default clock_timestamp()
);
comment on column devices.token is 'FCM''s name of one app on one device; whoever signs in there last has it';
create index devices_user on devices (user_id, registered_at);

-- One row for each envelope and device. It stays for some minutes after it is settled, so that an event that is
-- delivered a second time, or acknowledged before it was queued, is not pushed.
create table pushes (
  envelope_id text not null,
  device_id bigint not null references devices on delete cascade,
  user_id text not null,
  broadcast_id uuid,
  message jsonb,
  is_offer boolean not null default false,
  ends_at timestamptz not null,
  due_at timestamptz not null,
  attempts integer not null default 0,
  outcome text,
  primary key (envelope_id, device_id)
);
comment on column pushes.user_id is 'whom it is for: a device that has changed hands meanwhile is not sent it';
comment on column pushes.message is 'null where the acknowledgement came first';
comment on column pushes.ends_at is 'nothing is sent from then on';
comment on column pushes.due_at is 'when it is sent, or tried again, or taken over from a process that died with it; once settled, when that was';
comment on column pushes.outcome is 'sent, acknowledged, ended or dead; null while it is to be sent';
create index pushes_due on pushes (due_at) where outcome is null;
create index pushes_settled on pushes (due_at) where outcome is not null;
create index pushes_device on pushes (device_id);

-- Of the whole project: when the next batch may go. Whoever takes one moves it on, and so does an answer that says
-- "not before". One row, which all processes lock in turn.
create table push_pace (
  is_only boolean primary key default true check (is_only),
  free_at timestamptz not null
);
insert into push_pace (free_at) values ('-infinity');

-- A push that failed for good is a dead letter as well: the push itself, to be queued again.
alter table dead_letters add column push jsonb;
comment on column dead_letters.push is 'what was not sent; null for an event that was not delivered';
