-- Timers that are due at the same time fire in the order in which they were armed: by the version that armed them, then by
-- their place in it. A timer whose firing fails again and again becomes a dead letter. It stays in its row, so that leaving
-- the state removes it and entering the state again replaces it, as with any timer.

alter table timers
  add column ordinal integer,
  add column attempts integer,
  add column last_error text,
  add column original_due_at timestamptz,
  add column dead_letter bigint,
  add column died_at timestamptz;
comment on column timers.ordinal is 'place among the timers that the same version armed; null counts as 0';
comment on column timers.attempts is 'attempts to fire it that failed through a fault of its own; null counts as 0';
comment on column timers.original_due_at is 'when it was due before it became a dead letter';
comment on column timers.dead_letter is 'id of the dead letter, from the sequence of dead_letters';

-- Every row satisfies the narrower check before it, so none needs to be read.
alter table timers drop constraint timers_parked_check;
alter table timers add constraint timers_parked_check check (parked in ('spent', 'dead', 'dropped')) not valid;
comment on column timers.parked is
  'why it is due at infinity: spent, its machine ignored it; dead, it is a dead letter; dropped, an operator dropped the dead letter';

-- Rows without a dead letter are not in it, so no commit writes to it.
create index timers_dead on timers (dead_letter) where dead_letter is not null;
