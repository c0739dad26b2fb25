/*
 * A database with a year of business: many requests that have ended, some that seek, and users with long histories. Rows
 * are copied in SQL from two requests that the engine itself made, so their snapshots are real.
 */
import type pg from 'pg'
import { uuidAt } from '../uuid.js'

export interface Sizes {
  readonly ended: number
  readonly live: number
}

/** Users with long lists, which are the worst case of each list. */
export const HEAVY = {
  customer: 'heavy-customer',
  transporter: 'heavy-transporter',
  driver: 'heavy-driver',
} as const

/** The number of requests of a customer, except for the heavy one. */
const REQUESTS_EACH = 20

/** The snapshot of the sample `s` for another customer. The rest of the text stays as the engine wrote it. */
const ownedBy = (owner: string) =>
  `replace(s.snapshot_json::text, '"customerId":"' || s.owner || '"', '"customerId":"' || ${owner} || '"')::json`

/** Each step is one statement. `$1` is the number of ended requests, `$2` of live ones, `$3` and `$4` are the samples. */
const steps: readonly (readonly [title: string, sql: string])[] = [
  [
    'ended requests',
    // Every hundredth is the heavy customer's. Only the oldest hundredth has cancelled ones, the rarest status.
    `insert into instances (id, machine, definition_version, version, status, owner, snapshot_json, created_at, updated_at)
     select ${uuidAt('clock_timestamp() + make_interval(secs => n - $1 - 86400)')}, s.machine, s.definition_version, 3,
       case when n < $1 / 100 then 'cancelled' when n % 10 < 7 then 'fully_filled' else 'expired' end,
       o.owner, ${ownedBy('o.owner')},
       now() + make_interval(secs => n - $1 - 86400), now() + make_interval(secs => n - $1 - 86300)
     from generate_series(1, $1) n
     cross join lateral (select case when n % 100 = 0 then '${HEAVY.customer}' else 'c' || n / ${REQUESTS_EACH} end as owner) o
     join instances s on s.id = $3::uuid where $2::int is not null and $4::uuid is not null`,
  ],
  [
    'live requests',
    `with made as (
       insert into instances (id, machine, definition_version, version, status, owner, snapshot_json, created_at, updated_at)
       select ${uuidAt('clock_timestamp() + make_interval(secs => (n - $2) / 100.0)')}, s.machine, s.definition_version, 2,
         case when n % 10 < 7 then 'searching' else 'partially_filled' end,
         'live' || n, ${ownedBy("'live' || n")}, now(), now()
       from generate_series(1, $2) n
       join instances s on s.id = $4::uuid where $1::int is not null and $3::uuid is not null
       returning id, owner
     )
     insert into claims (key, instance) select 'customer:' || owner, id from made`,
  ],
  [
    'recipients',
    // An ended request has two, out of 1,000 transporters. The heavy one was offered every fifth, and every 30th live one.
    `insert into recipients (broadcast_id, transporter_id, step, distance_km, offered_at, declined_at)
     select i.id, t.id, '1', 3, i.created_at, case when t.k = 1 then i.updated_at end
     from (select id, created_at, updated_at, status, row_number() over (order by id) as n from instances
           where machine = 'broadcast' and $1::int + $2::int > 0 and id not in ($3::uuid, $4::uuid)) i
     cross join lateral (
       select case when k = 0 and n % 5 = 0 then '${HEAVY.transporter}' else 't' || (n * 7 + k * 13) % 1000 end as id, k
       from generate_series(0, case when i.status in ('searching', 'partially_filled') then 19 else 1 end) k
       where k > 0 or n % 5 = 0 and (i.status not in ('searching', 'partially_filled') or n % 30 = 0)
     ) t
     on conflict do nothing`,
  ],
  [
    'trips',
    `insert into trips (id, instance, version, truck_id, customer_id, transporter_id, driver_id, vehicle_id, status,
       driver, vehicle, assigned_at, started_at, ended_at)
     select i.id, i.id, 3, 't1', i.owner,
       case when n % 10 = 0 then '${HEAVY.transporter}' else 't' || n % 1000 end,
       case when n % 100 = 0 then '${HEAVY.driver}' else 'd' || n % 5000 end, 'v' || n % 5000, 'completed',
       '{"id":"d","name":"Driver"}', '{"id":"v","number":"KA 1","vehicleType":"14ft"}',
       i.created_at, i.created_at, i.updated_at
     from (select id, owner, created_at, updated_at, row_number() over (order by id) as n from instances
           where status = 'fully_filled' and $1::int + $2::int > 0 and id not in ($3::uuid, $4::uuid)) i`,
  ],
  [
    'answers',
    `insert into answers (id, transporter_id, broadcast_id, outcome, driver_id, vehicle_id)
     select r.broadcast_id, r.transporter_id, r.broadcast_id, 'NO_LONGER_AVAILABLE', 'd', 'v'
     from recipients r where r.transporter_id = '${HEAVY.transporter}' and $1::int + $2::int > 0
       and $3::uuid is not null and $4::uuid is not null`,
  ],
  [
    'fleets',
    `with people as (
       insert into users (id) select '${HEAVY.transporter}' union all select 't' || n from generate_series(0, 999) n
       where $1::int + $2::int > 0 and $3::uuid is not null and $4::uuid is not null
       on conflict do nothing returning id
     ), cars as (
       insert into vehicles (id, transporter_id, vehicle_type, number, created_at)
       select p.id || '-v' || n, p.id, '14ft', 'KA ' || n, now() - make_interval(secs => n)
       from people p, generate_series(1, case when p.id = '${HEAVY.transporter}' then 2000 else 5 end) n
     )
     insert into drivers (id, transporter_id, name, created_at, confirmed_at)
     select p.id || '-d' || n, p.id, 'Driver ' || n, now() - make_interval(secs => n), now()
     from people p, generate_series(1, case when p.id = '${HEAVY.transporter}' then 2000 else 5 end) n`,
  ],
]

export async function fill(
  pool: pg.Pool,
  { ended, live }: Sizes,
  samples: { readonly ended: string; readonly live: string },
  onStep: (title: string, done: number, of: number) => void,
): Promise<void> {
  for (const [i, [title, sql]] of steps.entries()) {
    onStep(title, i, steps.length + 1)
    await pool.query(sql, [ended, live, samples.ended, samples.live])
  }
  onStep('vacuum and statistics', steps.length, steps.length + 1)
  await pool.query('vacuum (analyze)')
}
