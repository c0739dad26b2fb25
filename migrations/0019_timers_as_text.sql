-- As 0016: the event that a timer sends, as the text that was written.

alter table timers
  add column event_json json,
  alter column event drop not null,
  add constraint timers_one_event check ((event is null) <> (event_json is null)) not valid;
