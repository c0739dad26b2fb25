import type pg from 'pg'

/** As such tables usually look: the request with its counters, and its trips. */
const SCHEMA = `
create table usual_requests (
  id uuid primary key,
  customer_id text not null,
  status text not null,
  vehicle_type text not null,
  trucks_needed int not null,
  trucks_filled int not null default 0,
  version int not null default 1,
  details jsonb not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index usual_requests_customer on usual_requests (customer_id, status);
create table usual_trips (
  id uuid primary key,
  request_id uuid not null references usual_requests (id),
  transporter_id text not null,
  driver_id text not null,
  vehicle_id text not null,
  status text not null,
  driver jsonb not null,
  vehicle jsonb not null,
  assigned_at timestamptz not null default now()
);
create index usual_trips_request on usual_trips (request_id);
create index usual_trips_driver on usual_trips (driver_id, status);
create index usual_trips_vehicle on usual_trips (vehicle_id, status);`

export async function createUsualTables(pool: pg.Pool): Promise<void> {
  await pool.query(SCHEMA)
}
