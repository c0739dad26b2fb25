-- A person is role and id together: the same id in two roles is two people, each turned off and signed out by itself. The table
-- `users` has one row an id. Processes of the release before read and write it until they are replaced, so the two tables are kept
-- in step here; `users` and the triggers go with a later release.

create table people (
  role text not null,
  id text not null,
  active boolean not null default true,
  valid_from timestamptz,
  created_at timestamptz not null default now(),
  primary key (id, role) -- the id first: what an id is in all roles is looked up too
);
comment on column people.valid_from is 'tokens issued at or before then are good no more; null: no session was ever ended';
-- Few: joined to those that are looked for, whatever the size of the table.
create index people_inactive on people (role, id) where not active;

-- Of a user that is turned off by the release before, which knows no roles, every person is turned off, seen or not.
create function turn_off_in_every_role(user_id text) returns void language sql set search_path from current as $$
  insert into people (role, id, active, valid_from)
  select role, user_id, false, clock_timestamp()
  from unnest(array['admin', 'customer', 'driver', 'transporter', 'viewer']) as role
  on conflict (id, role) do update set active = false, valid_from = excluded.valid_from where people.active
$$;

create function tell_people() returns trigger language plpgsql set search_path from current as $$
begin
  if new.active then
    update people set active = true where id = new.id and not active;
  else
    perform turn_off_in_every_role(new.id);
  end if;
  return null;
end $$;

-- The row of `users` is locked before its people are looked at: of two that are changed at once, the second sees the first.
create function tell_users() returns trigger language plpgsql set search_path from current as $$
begin
  insert into users (id) values (new.id) on conflict (id) do nothing;
  if not new.active or tg_op = 'UPDATE' then
    perform from users where id = new.id for no key update;
    update users set active = not exists (select from people where id = new.id and not active) where id = new.id;
  end if;
  return null;
end $$;

create trigger users_tell_people_new after insert on users
  for each row when (pg_trigger_depth() = 0 and not new.active) execute function tell_people();
create trigger users_tell_people after update of active on users
  for each row when (pg_trigger_depth() = 0) execute function tell_people();
create trigger people_tell_users_new after insert on people
  for each row when (pg_trigger_depth() = 0) execute function tell_users();
create trigger people_tell_users after update of active on people
  for each row when (pg_trigger_depth() = 0 and old.active <> new.active) execute function tell_users();

-- Only those that are turned off get rows now; all others when they are seen next.
do $$ begin perform turn_off_in_every_role(id) from users where not active; end $$;
