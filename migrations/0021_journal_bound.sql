-- The journal in parts by the month in which an instance was made, which its id tells (UUIDv7). The table as it is becomes the
-- first part, with all ids below a boundary: the start of the month after the next. No id that large is made before then, so
-- this holds at once for new rows; 0022 checks the rows that are there.
-- A row stays in the part of its instance. Old months can be detached and dropped whole.

-- Below every UUIDv7 of this time, and above those of earlier milliseconds.
create function first_id_at(at timestamptz) returns uuid language sql immutable as $$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

do $$
declare
  boundary timestamptz := (date_trunc('month', now() at time zone 'UTC') + interval '2 months') at time zone 'UTC';
begin
  execute format('alter table journal add constraint journal_before_months check (instance < %L) not valid', first_id_at(boundary));
end $$;
