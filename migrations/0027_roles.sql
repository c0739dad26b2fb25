-- What was kept by id alone gets the role: devices, pushes, families of refresh tokens, idempotency keys. Processes of the release
-- before write rows without it until they are replaced. No table is rewritten, and what takes long comes before what locks.

-- Idempotency keys have scopes `<role> <id> <method> <path>`. The release before leaves out the role. Each key that it records is
-- recorded once more with it, in the same transaction, so that a repeat finds it and nothing is done twice. The role is that of the
-- transition's actor; where nothing changed, that of the only role the path is open to. Where neither tells, there is no second
-- record: these commands may be repeated, and nobody gets another's answer.
create function role_of_key(key loadcast.idempotency_keys) returns text language sql stable as $$
  select case
    when key.instance is not null then (
      select actor.role
      from loadcast.journal j
      cross join lateral (
        select coalesce(j.actor_json ->> 'role', j.actor ->> 'role') as role,
               coalesce(j.actor_json ->> 'id', j.actor ->> 'id') as id
      ) actor
      where j.instance = key.instance and j.version = key.version and j.uid = key.uid
        and actor.id = split_part(key.scope, ' ', 1)
    )
    when key.scope ~ ' /api/v1/(transporter|broadcast)/' then 'transporter'
    when key.scope ~ ' /api/v1/driver/' then 'driver'
    when key.scope ~ ' /api/v1/admin/' then 'admin'
    when key.scope ~ ' /api/v1/(broadcasts$|broadcasts/[^/]+/retry$|booking|orders$)' then 'customer'
  end
$$;

create function lacks_role(scope text) returns boolean language sql immutable as $$
  select scope ~ '^[^ ]+ (POST|PUT) /api/v1/'
$$;

create function note_role_of_key() returns trigger language plpgsql set search_path from current as $$
begin
  insert into loadcast.idempotency_keys as k (scope, key, fingerprint, instance, version, uid, answer, recorded_at)
  select role_of_key(new) || ' ' || new.scope, new.key, new.fingerprint, new.instance, new.version, new.uid, new.answer,
    new.recorded_at
  where role_of_key(new) is not null
  on conflict (scope, key) do update set answer = coalesce(k.answer, excluded.answer)
  where k.fingerprint = excluded.fingerprint;
  return null;
end $$;

-- Keys count for 24 hours.
create function note_roles_of_keys(since timestamptz) returns void language sql as $$
  insert into loadcast.idempotency_keys (scope, key, fingerprint, instance, version, uid, answer, recorded_at)
  select role || ' ' || k.scope, k.key, k.fingerprint, k.instance, k.version, k.uid, k.answer, k.recorded_at
  from loadcast.idempotency_keys k cross join lateral role_of_key(k) as role
  where k.recorded_at > since and lacks_role(k.scope) and role is not null
  on conflict (scope, key) do nothing
$$;

-- Deferred: the journal of a commit is there when the commit is.
do $$
declare
  began timestamptz := clock_timestamp();
begin
  perform note_roles_of_keys(began - interval '24 hours');
  create constraint trigger idempotency_keys_role after insert or update of answer on loadcast.idempotency_keys
    deferrable initially deferred
    for each row when (lacks_role(new.scope)) execute function note_role_of_key();
  -- Those that were being recorded meanwhile. A commit takes seconds at most.
  perform note_roles_of_keys(began - interval '1 minute');
end $$;
drop function note_roles_of_keys;

alter table devices add column role text, add column role_noted_at timestamptz;
comment on column devices.role is 'of the person whose device it is, as of role_noted_at';
comment on column devices.role_noted_at is
  'equal to registered_at; where it is not, the release before has registered the device since, and the role is unknown';

alter table pushes add column role text;
comment on column pushes.role is 'of the person whom it is for; null: queued by the release before';

alter table refresh_families add column role text;
comment on column refresh_families.role is 'of the person whose family it is; null: written by the release before';
