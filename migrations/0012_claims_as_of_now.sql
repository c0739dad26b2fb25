-- Whether a claim is held as of now, not as of the beginning of the statement that asks: a change of a fleet first locks its
-- row, which may take a commit's time, and must then see what that commit has claimed.
-- plpgsql is never inlined into the asking statement, and a volatile function sees what was committed before its call.
create function is_claimed(wanted text) returns boolean language plpgsql volatile as $$
begin
  return exists (select from claims where key = wanted);
end $$;
