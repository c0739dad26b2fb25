-- As 0016: what a machine emitted, as the text that was written.

alter table events
  add column payload_json json,
  alter column payload drop not null,
  add constraint events_one_payload check ((payload is null) <> (payload_json is null)) not valid;
