-- How many idempotency keys a person has used on a day. Counted where a cap on them is set.
create table idempotency_key_counts (
  day date not null,
  person text not null,
  used integer not null,
  primary key (day, person)
);
comment on column idempotency_key_counts.day is 'in UTC';
comment on column idempotency_key_counts.person is 'role and id';
