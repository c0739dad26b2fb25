-- Refresh tokens: which token of each family is good. One row a family, from its first use until its last token expires.

create table refresh_families (
  user_id text not null,
  family text not null,
  good_token text not null,
  remember_until timestamptz not null,
  ended_at timestamptz,
  primary key (user_id, family)
);
comment on column refresh_families.good_token is 'the jti of the only token that has not been used';
comment on column refresh_families.remember_until is 'by then all its tokens have expired: before, a forgotten family would begin anew with an old token';
comment on column refresh_families.ended_at is 'a token was shown twice: none of the family is good any more';
create index refresh_families_remember_until on refresh_families (remember_until);

-- The story of a request: what was refused on it, and what administrators did to it, found by the request.
create index answers_broadcast on answers (broadcast_id, id desc);
create index admin_actions_target on admin_actions (target, id desc);
