-- The idempotency keys that were recorded before 0027_roles.sql, once more with the role, as its trigger does for later ones. It
-- locks nothing, and takes seconds for the keys of a busy day: they count for 24 hours.

insert into loadcast.idempotency_keys (scope, key, fingerprint, instance, version, uid, answer, recorded_at)
select kept.role || ' ' || kept.scope, kept.key, kept.fingerprint, kept.instance, kept.version, kept.uid, kept.answer, kept.recorded_at
from (
  select k.*, case when k.instance is null then role_of_path(k.scope)
    when coalesce(j.actor_json ->> 'id', j.actor ->> 'id') = split_part(k.scope, ' ', 1)
    then coalesce(j.actor_json ->> 'role', j.actor ->> 'role') end as role
  from loadcast.idempotency_keys k
  left join loadcast.journal j on j.instance = k.instance and j.version = k.version and j.uid = k.uid
  where k.recorded_at > now() - interval '24 hours' and lacks_role(k.scope)
) kept
where kept.role is not null
order by 1, 2
on conflict (scope, key) do nothing;
