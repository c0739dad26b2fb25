-- A timer that fired and that its machine ignored is parked instead of deleted. Its state is still active, so without the
-- row it would look like a lost timer. Parked timers are due at infinity, so no process of any release leases them.

alter table timers add column parked text check (parked = 'spent');
comment on column timers.parked is 'why it is due at infinity: spent, it rang and its machine ignored it';

-- Work that one process does for all: when the next turn is due, and how far the work has come.

create table sweeps (
  name text primary key,
  due_at timestamptz not null,
  position uuid
);
comment on column sweeps.due_at is 'when any process may take the next turn';
comment on column sweeps.position is 'where the next turn goes on; null at the beginning';
