import type pg from 'pg'
import type { Held, Store, StoredTimer } from '../../runtime/ports.js'

/**
 * Leases timers that are due or will be in a moment, oldest first, and says when the next one is due: one round trip,
 * committed at once. Compared with `now()`: an index is of no use to the volatile `clock_timestamp()`, every timer would
 * be looked at.
 */
const LEASE = `
with due as materialized (
  select instance, send_id from timers
  where due_at <= now() + $4::float8 * interval '1 millisecond' and (leased_until is null or leased_until <= now())
    and machine = any($1::text[])
  order by due_at
  limit $2
  for update skip locked
),
leased as (
  update timers t set leased_until = clock_timestamp() + $3::float8 * interval '1 millisecond'
  from due
  where t.instance = due.instance and t.send_id = due.send_id
    and t.instance = any(array(select instance from due))
  returning t.*
)
select instance, machine, send_id as "sendId", generation, event,
       (extract(epoch from due_at) * 1000)::float8 as "dueAt"
from leased
union all
select null, null, null, null, null, (extract(epoch from min(due_at)) * 1000)::float8
from timers where due_at > now() + $4::float8 * interval '1 millisecond'
order by "dueAt"`

const REMOVE = 'delete from timers where instance = $1 and send_id = $2 and generation = $3'

const RELEASE = `
update timers t set leased_until = null
from unnest($1::uuid[], $2::text[], $3::int[]) as held(instance, send_id, generation)
where t.instance = any($1::uuid[])
  and t.instance = held.instance and t.send_id = held.send_id and t.generation = held.generation`

type LeaseRow = StoredTimer | { readonly instance: null; readonly dueAt: number | null }

export function createTimers(pool: pg.Pool): Pick<Store, 'leaseTimers' | 'removeTimer'> & {
  releaseTimers(held: Held['timers']): Promise<void>
} {
  return {
    async leaseTimers(machines, { limit, leaseMs, aheadMs }) {
      const { rows } = await pool.query<LeaseRow>({
        name: 'lease_timers',
        text: LEASE,
        values: [machines, limit, leaseMs, aheadMs],
      })
      const next = rows.find(row => row.instance === null)
      return {
        timers: rows.filter(row => row.instance !== null),
        nextDueAt: next?.dueAt ?? undefined,
      }
    },
    async releaseTimers(held) {
      await pool.query({
        name: 'release_timers',
        text: RELEASE,
        values: [held.map(t => t.instance), held.map(t => t.sendId), held.map(t => t.generation)],
      })
    },
    async removeTimer(instance, sendId, generation) {
      await pool.query({ name: 'remove_timer', text: REMOVE, values: [instance, sendId, generation] })
    },
  }
}
