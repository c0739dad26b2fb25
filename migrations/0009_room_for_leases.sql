-- A timer is updated once, when it is leased, together with its neighbours: with room in its page that leaves the indexes
-- alone, and writes a quarter of the WAL. What is not due takes twice the space meanwhile.
alter table timers set (fillfactor = 50);
