-- A driver joins a fleet by agreeing to an invitation. `drivers` holds the drivers that have agreed, each in one fleet. Several
-- transporters may invite the same person.

-- Postgres stores this default once for all rows that there are, so no row is rewritten: they count as confirmed. Rows that
-- come later have none.
alter table drivers add column confirmed_at timestamptz default now();
alter table drivers alter column confirmed_at drop default;
comment on column drivers.confirmed_at is 'when the driver agreed; for rows older than this column, when it was added';

create table driver_invitations (
  driver_id text not null,
  transporter_id text not null,
  name text not null,
  phone text,
  invited_at timestamptz not null default now(),
  primary key (driver_id, transporter_id)
);
comment on table driver_invitations is 'drivers that a transporter has named and that have not agreed: nothing of theirs is shown to it';
-- A transporter's list, merged with its drivers, and a driver's own.
create index driver_invitations_of_transporter on driver_invitations (transporter_id, invited_at desc, driver_id desc);
create index driver_invitations_of_driver on driver_invitations (driver_id, invited_at desc, transporter_id desc);

-- A process of the release before adds drivers without asking them. Its row becomes an invitation before its statement ends, so
-- that it cannot assign the driver either. It still gets the row that it has written, as it expects.
create function invite_unconfirmed_driver() returns trigger language plpgsql set search_path from current as $$
begin
  insert into driver_invitations (driver_id, transporter_id, name, phone)
  values (new.id, new.transporter_id, new.name, new.phone)
  on conflict (driver_id, transporter_id) do update set name = excluded.name, phone = excluded.phone;
  delete from drivers where id = new.id and confirmed_at is null;
  return null;
end $$;
create trigger invite_unconfirmed_driver after insert on drivers
  for each row when (new.confirmed_at is null) execute function invite_unconfirmed_driver();
