-- Events do not name the transporters that a request was offered to. These types are sent to them (TOLD_TO_OFFERED).
create index events_late_ends on events (late_at)
  where late_at is not null and type in ('broadcast.filled', 'broadcast.cancelled', 'broadcast.expired');
