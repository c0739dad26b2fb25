-- How many idempotency keys a person has used on a day. Counted where a cap on them is set.
create table idempotency_key_counts (
  day date not null,
  person text not null,
  used integer not null,
  primary key (day, person)
);
comment on column idempotency_key_counts.day is 'in UTC';
comment on column idempotency_key_counts.person is 'role and id';

-- Whose pushes died: so many are kept of one person. Dead letters are few, so the index is made at once.
create index dead_letters_of_user on loadcast.dead_letters ((push ->> 'userId')) where push is not null;
