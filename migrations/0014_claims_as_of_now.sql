-- Whether a claim is held now, not at the start of the calling statement. A change of a fleet first locks its row, which
-- may wait for a commit, and must then see the claims of that commit.
-- plpgsql is never inlined into the calling statement, and a volatile function sees what was committed before its call.
create function is_claimed(wanted text) returns boolean language plpgsql volatile as $$
begin
  return exists (select from claims where key = wanted);
end $$;
