-- Events are kept for a while only; this says up to when they may be gone. A resume that would need older ones is
-- refused, and the audit does not miss them. One row: a sweep moves it in the statement that deletes.

create table event_retention (
  is_only boolean primary key default true check (is_only),
  swept_before timestamptz not null
);
comment on column event_retention.swept_before is 'no event that was recorded, or marked late, after this has ever been deleted';

-- Who has declined an offer is still told of its end. Few rows: only a decline writes here.
create index recipients_declined on recipients (transporter_id, broadcast_id desc) where declined_at is not null;

-- An event is kept as long as a dead letter needs it for being delivered after all.
create index dead_letters_event on dead_letters (instance, version, index);
