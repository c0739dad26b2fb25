-- Which storage format is written: one that every living process reads, and never an older one again.
-- 1: values that a machine reads back are jsonb. 2: they are json, in the columns of 0016 to 0019.

create table storage_format (
  is_only boolean primary key default true check (is_only),
  format integer not null
);
comment on column storage_format.format is 'the format in which rows are written; older ones are read';

-- A release from before this file announces none, which is format 1.
alter table processes add column storage_format integer not null default 1;
comment on column processes.storage_format is 'the newest storage format that the process reads';

-- A process that does not read what is written is refused when it announces itself, before it reads or writes anything. Its
-- error code means that the server cannot serve it for now: a process that was paused until now answers 503.
create function refuse_old_storage_format() returns trigger language plpgsql as $$
declare
  written integer;
begin
  execute format('select format from %I.storage_format', tg_table_schema) into written;
  if new.storage_format < written then
    raise exception 'this database is written in storage format %; this release reads format % at most and cannot take part',
      written, new.storage_format
      using errcode = 'object_not_in_prerequisite_state', hint = 'Start the release that migrated the database, or a newer one.';
  end if;
  return new;
end $$;
create trigger processes_read_storage_format before insert or update on processes
  for each row execute function refuse_old_storage_format();

-- Nothing has been written yet and nobody is there: there is nothing to wait for.
insert into storage_format (format)
select case
  when exists (select from instances) or exists (select from processes where alive_until >= clock_timestamp()) then 1
  else 2
end;
