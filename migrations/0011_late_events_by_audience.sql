-- A resume finds late events by their audience, since the reader may have no other relation to the request by then. This
-- index, and those of the next two files, hold late events only, so no commit writes to them. Building one reads the
-- table once while commits wait: each has a file, and so a short transaction, of its own.
-- Without `fastupdate` there is no pending list, which every resume would have to read whole after an outage.
create index events_late_audience on events using gin (audience) with (fastupdate = off) where late_at is not null;
