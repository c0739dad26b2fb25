-- As 0016: an event that is replayed, and its sender, as the text that was written.

alter table journal
  add column event_json json,
  add column actor_json json,
  alter column event drop not null,
  alter column actor drop not null,
  add constraint journal_one_event check ((event is null) <> (event_json is null)) not valid,
  add constraint journal_one_actor check ((actor is null) <> (actor_json is null)) not valid;
