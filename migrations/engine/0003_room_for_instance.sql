-- Whether the owner may have one more instance: null if so; -1 if another transaction is asking for the same owner; else the
-- milliseconds until there is room. Counted are its instances of the last so many milliseconds, in one status where one is given.
-- A statement sees the database as it was when it began. The lock and the count in a function that is volatile see what was
-- committed until now, so of two processes the second counts what the first one has made. The lock lasts until the commit.
create function room_for_instance(wanted_owner text, max_instances integer, window_ms double precision, wanted_status text)
returns double precision language plpgsql volatile set search_path from current as $$
declare
  since timestamptz := clock_timestamp() - window_ms * interval '1 millisecond';
  oldest timestamptz;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('owner:' || wanted_owner, 0)) then
    return -1;
  end if;
  -- Ids are made by the clocks of processes, which may be a minute off; `created_at` is by the database's.
  select i.created_at into oldest from instances i
  where i.owner = wanted_owner and i.id >= first_id_at(since - interval '1 minute') and i.created_at > since
    and (wanted_status is null or i.status = wanted_status)
  order by i.id desc offset max_instances - 1 limit 1;
  return extract(epoch from oldest - since) * 1000;
end $$;
