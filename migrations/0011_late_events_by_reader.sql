-- A resume finds late events by their audience, since the reader may have no other relation to the request by then. These
-- indexes hold late events only, so no commit writes to them.
-- Without `fastupdate` there is no pending list, which every resume would have to read whole after an outage.
create index events_late_audience on events using gin (audience) with (fastupdate = off) where late_at is not null;

-- Events do not name the transporters that a request was offered to. These types are sent to them (TOLD_TO_OFFERED).
create index events_late_ends on events (late_at)
  where late_at is not null and type in ('broadcast.filled', 'broadcast.cancelled', 'broadcast.expired');

-- Each index has a condition that only its own queries imply. Otherwise, after an outage has made thousands of events late
-- and before the statistics show it, the planner would read them all by time to find those of one reader.
drop index events_late_at;
create index events_late_at on events (late_at) where late_at > '-infinity';
