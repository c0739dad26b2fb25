-- Idempotency keys, recorded in the commit of what they caused; the answer is added when it has been given.

create table idempotency_keys (
  scope text not null,
  key text not null,
  fingerprint text not null,
  instance uuid,
  version integer,
  uid uuid,
  answer jsonb,
  recorded_at timestamptz not null default now(),
  primary key (scope, key)
);
comment on column idempotency_keys.scope is 'who sent it where: user, method and path';
comment on column idempotency_keys.instance is 'with version and uid: the transition it caused; null where no instance was concerned';
comment on column idempotency_keys.answer is 'status, headers and body of the first success; null while it is still being given';
create index idempotency_keys_recorded_at on idempotency_keys (recorded_at);
