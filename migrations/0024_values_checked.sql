-- The checks of 0015, 0016, 0018 and 0019, now also for the rows that were there. Each reads its table once; nothing waits for it.

alter table instances validate constraint instances_one_snapshot;
alter table events validate constraint events_one_payload;
alter table timers validate constraint timers_one_event, validate constraint timers_parked_check;
