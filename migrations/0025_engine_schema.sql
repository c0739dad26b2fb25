-- The engine's tables move to a schema of their own, so that they stand beside anybody's. No row is touched. From here on their
-- migrations are those of the folder `engine`; the files here are for the tables of the product.

create schema if not exists loadcast;

do $$
declare
  one text;
begin
  foreach one in array array[
    'instances', 'journal', 'events', 'outbox', 'dead_letters', 'timers', 'claims', 'idempotency_keys', 'processes',
    'definition_versions', 'sweeps', 'event_retention', 'storage_format', 'journal_months'
  ] loop
    execute format('alter table %I set schema loadcast', one);
  end loop;
  for one in select inhrelid::regclass::text from pg_inherits where inhparent = 'loadcast.journal'::regclass loop
    execute format('alter table %s set schema loadcast', one);
  end loop;
end $$;
alter function first_id_at set schema loadcast;
alter function make_journal_months set schema loadcast;
alter function refuse_old_storage_format set schema loadcast;

-- For processes of the release before, which know the tables by these names until they are replaced. Postgres reads, writes and
-- locks the tables through them. They go with a later release.
create view instances as select * from loadcast.instances;
create view journal as select * from loadcast.journal;
create view events as select *, ctid from loadcast.events; -- its sweep finds rows by their place
create view outbox as select * from loadcast.outbox;
create view dead_letters as select * from loadcast.dead_letters;
create view timers as select * from loadcast.timers;
create view claims as select * from loadcast.claims;
create view idempotency_keys as select * from loadcast.idempotency_keys;
create view processes as select * from loadcast.processes;
create view definition_versions as select * from loadcast.definition_versions;
create view sweeps as select * from loadcast.sweeps;
create view event_retention as select * from loadcast.event_retention;

-- A role that is called loadcast searches this schema first. The release before would make its record of migrations here, find it
-- empty and begin anew.
create view loadcast.schema_migrations as select * from schema_migrations;

create or replace function is_claimed(wanted text) returns boolean language plpgsql volatile as $$
begin
  return exists (select from loadcast.claims where key = wanted);
end $$;
