-- The journal becomes partitioned: a new table takes the name, and the old one becomes its first part. No row is read or moved.

create table journal_months (
  is_only boolean primary key default true check (is_only),
  made_until timestamptz not null
);
comment on column journal_months.made_until is 'there is a part for every instance that is made before this';

-- Makes parts until three months ahead, unless there are two. A table is attached without a lock that reads or writes wait for.
-- Of several processes one makes them, and the others wait for it.
create function make_journal_months() returns void language plpgsql as $$
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

do $$
declare
  boundary uuid := (
    select substring(pg_get_constraintdef(oid) from '[0-9a-f]{8}-[0-9a-f-]{27}')
    from pg_constraint where conname = 'journal_before_months' and conrelid = 'journal'::regclass
  )::uuid;
begin
  alter table journal rename to journal_first;
  alter index journal_pkey rename to journal_first_pkey;
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
  execute format('alter table journal attach partition journal_first for values from (minvalue) to (%L)', boundary);
  alter table journal_first drop constraint journal_before_months;
  -- The first 48 bits of the boundary are its milliseconds.
  insert into journal_months (made_until)
  select to_timestamp(('x' || left(replace(boundary::text, '-', ''), 12))::bit(48)::bigint / 1000.0);
  perform make_journal_months();
end $$;
comment on table journal is 'in parts by the month in which the instance was made';

-- Ids that are no UUIDv7 of this century.
create table journal_other (like journal including all);
alter table journal attach partition journal_other for values from ('03bb2cc3-d800-0000-0000-000000000000') to (maxvalue);
