import type pg from 'pg'

/** The usual form of such tables: the request with its counters, and its trips. */
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

/**
 * The number of past trips. Without them, all concurrent transactions share the few pages of each index, and SERIALIZABLE
 * fails most of them for that.
 */
const PAST_TRIPS = 50_000

const FILL = `
with past as (
  insert into usual_requests (id, customer_id, status, vehicle_type, trucks_needed, trucks_filled, details, expires_at)
  select gen_random_uuid(), md5('customer' || n), 'fully_filled', '14ft', 1, 1, '{}', now() from generate_series(1, $1::int) n
  returning id
)
insert into usual_trips (id, request_id, transporter_id, driver_id, vehicle_id, status, driver, vehicle)
select gen_random_uuid(), id, md5('t' || id), md5('d' || id), md5('v' || id), 'completed', '{}', '{}' from past`

/** Creates tables in the state after some use. */
export async function createUsualTables(pool: pg.Pool): Promise<void> {
  await pool.query(SCHEMA)
  await pool.query(FILL, [PAST_TRIPS])
  await pool.query('analyze usual_requests, usual_trips')
}
