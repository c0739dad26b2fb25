-- What was kept by id alone gets the role: devices, pushes, families of refresh tokens, idempotency keys. Processes of the release
-- before write rows without it until they are replaced. No table is rewritten.

-- Idempotency keys have scopes `<role> <id> <method> <path>`. The release before leaves out the role. Each key that it records is
-- recorded once more with it, in the same transaction, so that a repeat finds it and nothing is done twice. The role is that of the
-- transition's actor; where nothing changed, that of the only role the path is open to. Where neither tells, there is no second
-- record: these commands may be repeated, and nobody gets another's answer.
create function role_of_path(scope text) returns text language sql immutable as $$
  select case
    when scope ~ ' /api/v1/(transporter|broadcast)/' then 'transporter'
    when scope ~ ' /api/v1/driver/' then 'driver'
    when scope ~ ' /api/v1/admin/' then 'admin'
    when scope ~ ' /api/v1/(broadcasts$|broadcasts/[^/]+/retry$|booking|orders$)' then 'customer'
  end
$$;

create function lacks_role(scope text) returns boolean language sql immutable as $$
  select scope ~ '^[^ ]+ (POST|PUT) /api/v1/'
$$;

create function note_role_of_key() returns trigger language plpgsql set search_path from current as $$
declare
  its_role text := role_of_path(new.scope);
begin
  if new.instance is not null then
    select coalesce(j.actor_json ->> 'role', j.actor ->> 'role') into its_role
    from loadcast.journal j
    where j.instance = new.instance and j.version = new.version and j.uid = new.uid
      and coalesce(j.actor_json ->> 'id', j.actor ->> 'id') = split_part(new.scope, ' ', 1);
  end if;
  if its_role is not null then
    insert into loadcast.idempotency_keys as k (scope, key, fingerprint, instance, version, uid, answer, recorded_at)
    values (its_role || ' ' || new.scope, new.key, new.fingerprint, new.instance, new.version, new.uid, new.answer, new.recorded_at)
    on conflict (scope, key) do update set answer = coalesce(k.answer, excluded.answer)
    where k.fingerprint = excluded.fingerprint;
  end if;
  return null;
end $$;

-- Deferred: the journal of a commit is there when the commit is. Keys from before are in 0031_keys_of_people.sql.
create constraint trigger idempotency_keys_role after insert or update of answer on loadcast.idempotency_keys
  deferrable initially deferred
  for each row when (lacks_role(new.scope)) execute function note_role_of_key();

alter table devices add column role text, add column role_noted_at timestamptz;
comment on column devices.role is 'of the person whose device it is, as of role_noted_at';
comment on column devices.role_noted_at is
  'equal to registered_at; where it is not, the release before has registered the device since, and the role is unknown';

alter table pushes add column role text;
comment on column pushes.role is 'of the person whom it is for; null: queued by the release before';

alter table refresh_families add column role text;
comment on column refresh_families.role is 'of the person whose family it is; null: written by the release before';
