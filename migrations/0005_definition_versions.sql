-- Which versions of a definition may be written: one that every living process knows, and never an older one again.

create table processes (
  id uuid not null,
  machine text not null,
  version integer not null,
  alive_until timestamptz not null,
  primary key (id, machine)
);
comment on column processes.version is 'the newest version of the machine that the process knows';
comment on column processes.alive_until is 'a lease: a process that does not renew it is taken for dead';

create table definition_versions (
  machine text primary key,
  version integer not null
);
comment on table definition_versions is 'the version in which instances of a machine are written';
