import type { Held, KnownVersion, Store, StoredTimer } from '../../../runtime/ports.js'
import { storable } from '../../../runtime/storable.js'
import { earlierOf } from '../../../runtime/timers/timer-order.js'
import type { EnginePool } from '../connection/engine-schema.js'
import { orUnavailable } from '../connection/sqlstate.js'
import { sameStamp } from './same-stamp.js'
import { formatOrLookUp, type StorageFormat } from './storage-format.js'
import { asJson, asJsonb, eventOf, snapshotOf } from './stored-json.js'

/** The columns of a timer that fires, of the row `t`. */
const COLUMNS = `t.instance, t.machine, t.send_id as "sendId", t.generation, ${eventOf('t')} as event, coalesce(t.ordinal, 0) as ordinal,
       coalesce(t.attempts, 0) as attempts, (extract(epoch from t.due_at) * 1000)::float8 as "dueAt"`

/**
 * Leases timers that are due or will be in a moment, oldest first, and returns when the next one is due: one round
 * trip, committed at once. Only timers of instances in a version that the caller knows, because another process can
 * fire the others. It compares with `now()`, because the volatile `clock_timestamp()` cannot use an index and would
 * scan every timer. The instance is looked up by key in a subquery, which no plan can turn into a join over the table.
 * It also returns unleased timers of the same instances, since they may have to fire first. Those are leased by another
 * process or beyond the limit. Timers that wait after a failure are left out. `not in` is a hash look-up in any plan.
 */
const LEASE = `
with due as materialized (
  select t.instance, t.send_id from {timers} t
  where t.due_at <= now() + $5::float8 * interval '1 millisecond' and (t.leased_until is null or t.leased_until <= now())
    and t.machine = any($1::text[])
    and (select t.machine || ' ' || i.definition_version from {instances} i where i.id = t.instance) = any($2::text[])
  order by t.due_at
  limit $3
  for update skip locked
),
leased as (
  update {timers} t set leased_until = clock_timestamp() + $4::float8 * interval '1 millisecond'
  from due
  where t.instance = due.instance and t.send_id = due.send_id
    and t.instance = any(array(select instance from due))
  returning t.*
)
select ${COLUMNS}, true as "isLeased" from leased t
union all
select ${COLUMNS}, false from {timers} t
where t.instance = any(array(select instance from leased)) and t.due_at <= now() + $5::float8 * interval '1 millisecond'
  and coalesce(t.attempts, 0) = 0 and (t.instance, t.send_id) not in (select instance, send_id from due)
union all
select null, null, null, null, null, null, null, (extract(epoch from min(due_at)) * 1000)::float8, null
from {timers} where due_at > now() + $5::float8 * interval '1 millisecond' and due_at < 'infinity'
order by "dueAt", generation, ordinal`

/**
 * A timer is parked while it is due at infinity. Its column `parked` says why. The column may be outdated if a process
 * of an older release armed the timer again.
 */
const DUE = `
select ${COLUMNS} from {timers} t
where t.instance = $1 and t.due_at <= clock_timestamp()
  and not (coalesce(t.attempts, 0) > 0 and coalesce(t.leased_until > clock_timestamp(), false))
order by t.due_at, t.generation, ordinal`

/**
 * The statement checks the instance's version and stamp. The caller may know a history that the database has lost, in
 * which another state ignored the timer. A finished instance has no timers.
 */
const SPEND = `
with ignoring as materialized (
  select id, ${snapshotOf('instances')} ->> 'status' = 'active' as is_active from {instances}
  where id = $1 and version = $4
    and ${sameStamp('updated_at', '$5::float8')}
), removed as (
  delete from {timers} t using ignoring i
  where not i.is_active and t.instance = $1 and t.send_id = $2 and t.generation = $3
)
update {timers} t set parked = 'spent', due_at = 'infinity', leased_until = null
from ignoring i
where i.is_active and t.instance = $1 and t.send_id = $2 and t.generation = $3 and t.due_at < 'infinity'`

const FORMAT = formatOrLookUp('$4')

/** Locks the instance, so that no transition happens between the version check and the insert. */
const ARM = `
with instance as materialized (select id from {instances} where id = $1 and version = $2 for no key update)
insert into {timers} (instance, send_id, machine, generation, event, event_json, due_at, ordinal)
select $1, s.send_id, s.machine, s.generation, ${asJsonb('s.event', FORMAT)}, ${asJson('s.event', FORMAT)},
       to_timestamp(s.due_at / 1000), s.ordinal
from instance,
  json_to_recordset($3::json) as s(send_id text, machine text, generation int, event json, due_at float8, ordinal int)
on conflict (instance, send_id) do nothing`

const RELEASE = `
update {timers} t set leased_until = null
from unnest($1::uuid[], $2::text[], $3::int[]) as held(instance, send_id, generation)
where t.instance = any($1::uuid[])
  and t.instance = held.instance and t.send_id = held.send_id and t.generation = held.generation`

type LeaseRow =
  | (StoredTimer & { readonly isLeased: boolean })
  | { readonly instance: null; readonly dueAt: number | null }

/** Machine and version as one string, for comparisons in statements. */
export const namesOf = (known: readonly KnownVersion[]): string[] =>
  known.map(({ machine, version }) => `${machine} ${version}`)

export function createTimers(
  pool: EnginePool,
  formats: StorageFormat,
): Pick<Store, 'leaseTimers' | 'dueTimers' | 'spendTimer' | 'armTimers'> & {
  releaseTimers(held: Held['timers']): Promise<void>
} {
  return {
    async leaseTimers(known, { limit, leaseMs, aheadMs }) {
      const machines = [...new Set(known.map(({ machine }) => machine))]
      const { rows } = await pool.query<LeaseRow>({
        name: 'lease_timers',
        text: LEASE,
        values: [machines, namesOf(known), limit, leaseMs, aheadMs],
      })
      const next = rows.find(row => row.instance === null)
      return { timers: timersIn(rows), nextDueAt: next?.dueAt ?? undefined }
    },
    async dueTimers(instance) {
      const due = pool.query<StoredTimer>({ name: 'due_timers', text: DUE, values: [instance] })
      return (await orUnavailable(due)).rows
    },
    async spendTimer({ instance, sendId, generation }, { version, updatedAt }) {
      const values = [instance, sendId, generation, version, updatedAt]
      await pool.query({ name: 'spend_timer', text: SPEND, values })
    },
    async armTimers(instance, version, timers) {
      const rows = timers.map(({ sendId, machine, generation, event, dueAt, ordinal }) => {
        return { send_id: sendId, machine, generation, event, due_at: dueAt, ordinal }
      })
      const values = [instance, version, storable(JSON.stringify(rows)), formats.known() ?? null]
      const { rowCount } = await orUnavailable(pool.query(ARM, values))
      return rowCount ?? 0
    },
    async releaseTimers(held) {
      await pool.query({
        name: 'release_timers',
        text: RELEASE,
        values: [held.map(t => t.instance), held.map(t => t.sendId), held.map(t => t.generation)],
      })
    },
  }
}

/** The leased timers and those that must fire before them, in order. */
function timersIn(rows: readonly LeaseRow[]): StoredTimer[] {
  const timers = rows.flatMap(row => (row.instance === null ? [] : [row]))
  const leased = timers.filter(timer => timer.isLeased)
  const others = timers.filter(timer => !timer.isLeased)
  const earlier = new Set(others.length === 0 ? [] : earlierOf(leased, others))
  return timers
    .filter(timer => timer.isLeased || earlier.has(timer))
    .map(({ isLeased: _, ...timer }) => timer)
}
