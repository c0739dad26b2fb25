-- A resume finds events that were told late by whom they are addressed to: by then the reader may have nothing else to do
-- with the request any more. These indexes hold late events only, so no commit writes to them.
-- Without `fastupdate` there is no pending list, which every resume would have to read whole after an outage.
create index events_late_audience on events using gin (audience) with (fastupdate = off) where late_at is not null;

-- Whom a request was offered to is in no event. These are the types that are told to them (TOLD_TO_OFFERED).
create index events_late_ends on events (late_at)
  where late_at is not null and type in ('broadcast.filled', 'broadcast.cancelled', 'broadcast.expired');

-- The condition of each index follows from its own queries alone: the planner learns too late that an outage has made
-- thousands of events late, and would read them all by time to find those of one reader.
drop index events_late_at;
create index events_late_at on events (late_at) where late_at > '-infinity';
