import type { DeadDelivery } from '../../../runtime/dead-letters.js'
import type { Store } from '../../../runtime/ports.js'
import type { DeliveryKey, EmittedEvent } from '../../../runtime/types.js'
import type { EnginePool } from '../connection/engine-schema.js'
import { orUnavailable } from '../connection/sqlstate.js'
import { actorOf, payloadOf } from './stored-json.js'
import { namesOf } from './timers.js'

/**
 * A delivery that is taken over later than this after its event was recorded is marked late. Much shorter than the
 * runtime's own limit, because the process that takes it over may need a while too.
 */
const LATE_AFTER_MS = 1_000

/**
 * Takes over unleased deliveries of instances in versions that the caller knows. Older events are marked late before
 * they are delivered.
 * `|| ''` keeps the subscriber, the last column of the key, out of plans: a plan for an empty table searched all keys
 * for it.
 * `now()` is used because an index can be searched by it, unlike by `clock_timestamp()`. `= any(…)` bounds the rows
 * that a join reads in any plan (see commit-statement.ts).
 */
const LEASE = `
with due as materialized (
  select o.instance, o.version, o.index, o.subscriber from {outbox} o
  where o.due_at <= now() and o.subscriber || '' = any($1::text[])
    and (select i.machine || ' ' || i.definition_version from {instances} i where i.id = o.instance) = any($5::text[])
  order by o.due_at
  limit $2
  for update skip locked
),
leased as (
  update {outbox} o set due_at = clock_timestamp() + $3::float8 * interval '1 millisecond'
  from due d
  where o.instance = d.instance and o.version = d.version and o.index = d.index and o.subscriber = d.subscriber
    and o.instance = any(array(select instance from due))
  returning o.*
),
late as (
  update {events} e set late_at = clock_timestamp()
  where (e.instance, e.version, e.index) in (select instance, version, index from due)
    and e.instance = any(array(select instance from due))
    and e.recorded_at < clock_timestamp() - $4::float8 * interval '1 millisecond'
)
select l.subscriber, l.attempts, e.instance, i.machine, e.version, e.index, e.type, ${payloadOf('e')} as payload, e.audience,
       (extract(epoch from e.at) * 1000)::float8 as at, ${actorOf('j')} ->> 'trace' as trace
from leased l
join {events} e on e.instance = l.instance and e.version = l.version and e.index = l.index
join {instances} i on i.id = l.instance
left join {journal} j on j.instance = l.instance and j.version = l.version
  and j.instance = any(array(select instance from due))
where e.instance = any(array(select instance from due)) and i.id = any(array(select instance from due))
order by e.instance, e.version, e.index`

/** In the order of their keys, so that two processes that mark the same rows do not deadlock. */
const MARK_LATE = `
with marked as materialized (
  select instance, version, index from {events}
  where instance = any($1::uuid[])
    and (instance, version, index) in (select * from unnest($1::uuid[], $2::int[], $3::int[]))
  order by instance, version, index
  for no key update
)
update {events} e set late_at = clock_timestamp()
from marked m
where e.instance = m.instance and e.version = m.version and e.index = m.index and e.instance = any($1::uuid[])`

const SETTLE = `
delete from {outbox} o
using unnest($1::uuid[], $2::int[], $3::int[], $4::text[]) as d(instance, version, index, subscriber)
where o.instance = any($1::uuid[])
  and o.instance = d.instance and o.version = d.version and o.index = d.index and o.subscriber = d.subscriber`

const RELEASE = `
update {outbox} o set due_at = clock_timestamp()
from unnest($1::uuid[], $2::int[], $3::int[], $4::text[]) as d(instance, version, index, subscriber)
where o.instance = any($1::uuid[])
  and o.instance = d.instance and o.version = d.version and o.index = d.index and o.subscriber = d.subscriber`

const RETRY = `
update {outbox} set attempts = $5, due_at = clock_timestamp() + $6::float8 * interval '1 millisecond'
where instance = $1 and version = $2 and index = $3 and subscriber = $4`

const BURY = `
with dead as (
  delete from {outbox} where instance = $1 and version = $2 and index = $3 and subscriber = $4 returning *
)
insert into {dead_letters} (instance, version, index, subscriber, attempts, error)
select instance, version, index, subscriber, $5, $6 from dead`

const DEAD = `
select 'delivery' as kind, d.id::float8 as id, d.instance, d.version, d.index, coalesce(d.push ->> 'type', e.type) as type, d.subscriber,
       d.attempts, d.error, (extract(epoch from d.died_at) * 1000)::float8 as "diedAt"
from {dead_letters} d
left join {events} e on e.instance = d.instance and e.version = d.version and e.index = d.index
where ($1::bigint is null or d.id < $1) and (d.push is not null or e.type is not null)
order by d.id desc limit $2`

/** A dead letter with a push belongs to the product (push-queue.ts). */
const REDRIVE = `
with risen as (
  delete from {dead_letters} where id = $1 and push is null returning instance, version, index, subscriber
),
outboxed as (
  insert into {outbox} (instance, version, index, subscriber, due_at)
  select instance, version, index, subscriber, clock_timestamp() from risen
  on conflict (instance, version, index, subscriber) do nothing
)
select 1 from risen`

const DROP = 'delete from {dead_letters} where id = $1'

type LeaseRow = Omit<EmittedEvent, 'trace'> & {
  readonly trace: string | null
  readonly subscriber: string
  readonly attempts: number
}
type Outbox = Pick<
  Store,
  'leaseDeliveries' | 'markLate' | 'settleDeliveries' | 'retryDelivery' | 'buryDelivery'
> & {
  releaseDeliveries(held: readonly DeliveryKey[]): Promise<void>
  /** Dead letters of deliveries and of pushes. */
  deadDeliveries(before: number | undefined, limit: number): Promise<readonly DeadDelivery[]>
  redriveDelivery(id: number): Promise<boolean>
  dropDelivery(id: number): Promise<boolean>
}

export function createOutbox(pool: EnginePool): Outbox {
  return {
    async leaseDeliveries(subscribers, known, limit, leaseMs) {
      const { rows } = await pool.query<LeaseRow>({
        name: 'lease_deliveries',
        text: LEASE,
        values: [subscribers, limit, leaseMs, LATE_AFTER_MS, namesOf(known)],
      })
      return rows.map(({ subscriber, attempts, trace, ...event }) => ({
        event: { ...event, ...(trace === null ? {} : { trace }) },
        subscriber,
        attempts,
      }))
    },
    async markLate(events) {
      await pool.query({ name: 'mark_late', text: MARK_LATE, values: placesOf(events) })
    },
    async settleDeliveries(delivered) {
      await pool.query({
        name: 'settle_deliveries',
        text: SETTLE,
        values: columnsOf(delivered),
      })
    },
    async releaseDeliveries(held) {
      await pool.query({ name: 'release_deliveries', text: RELEASE, values: columnsOf(held) })
    },
    async retryDelivery(key, attempts, delayMs) {
      await pool.query({
        name: 'retry_delivery',
        text: RETRY,
        values: [...keyValues(key), attempts, delayMs],
      })
    },
    async buryDelivery(key, attempts, error) {
      await pool.query({ name: 'bury_delivery', text: BURY, values: [...keyValues(key), attempts, error] })
    },
    async deadDeliveries(before, limit) {
      return (await orUnavailable(pool.query<DeadDelivery>(DEAD, [before ?? null, limit]))).rows
    },
    async redriveDelivery(id) {
      return (await orUnavailable(pool.query(REDRIVE, [id]))).rowCount === 1
    },
    async dropDelivery(id) {
      return (await orUnavailable(pool.query(DROP, [id]))).rowCount === 1
    },
  }
}

function columnsOf(keys: readonly DeliveryKey[]): unknown[][] {
  return [...placesOf(keys), keys.map(k => k.subscriber)]
}

function placesOf(events: readonly Omit<DeliveryKey, 'subscriber'>[]): unknown[][] {
  return [events.map(e => e.instance), events.map(e => e.version), events.map(e => e.index)]
}

function keyValues({ instance, version, index, subscriber }: DeliveryKey): unknown[] {
  return [instance, version, index, subscriber]
}
