/*
 * Reads for the check for missing timers: whether this process should check now, the next instances, and their timers.
 */
import type { InstancesToCheck, Store, TimersOfInstance } from '../../../runtime/ports.js'
import type { EnginePool } from '../connection/engine-schema.js'
import { orUnavailable } from '../connection/sqlstate.js'
import { snapshotOf } from './stored-json.js'
import { namesOf } from './timers.js'

/** The newest instances that hold claims include all current searches. Sorting a busy city's claims takes some 10 ms. */
const CLAIMANTS_A_TURN = 2_000
/** Further instances for each turn. A database of a few hundred is checked completely each time. */
const PAGE = 500

const SWEEP = 'timers'

const TAKE_TURN = `
insert into {sweeps} as s (name, due_at) values ('${SWEEP}', now() + $1::float8 * interval '1 millisecond')
on conflict (name) do update set due_at = excluded.due_at where s.due_at <= now()
returning position`

const NEXT = `
select id, true as "isOfPage" from (
  select id from {instances} where $1::uuid is null or id < $1 order by id desc limit ${PAGE}
) page
union all
select instance, false from (
  select distinct instance from {claims} order by instance desc limit ${CLAIMANTS_A_TURN}
) claimants`

const GO_ON = `update {sweeps} set position = $1 where name = '${SWEEP}'`

const TIMERS_OF = `
select i.id as instance, i.machine, i.definition_version as "definitionVersion", i.version, ${snapshotOf('i')} -> 'value' as value,
       array(select t.send_id from {timers} t where t.instance = i.id) as timers
from {instances} i
where i.id = any($1::uuid[]) and ${snapshotOf('i')} ->> 'status' = 'active'
  and i.machine || ' ' || i.definition_version = any($2::text[])`

export function createTimerCheck(
  pool: EnginePool,
): Pick<Store, 'instancesToCheck' | 'instancesChecked' | 'timersOf'> {
  async function instancesToCheck(everyMs: number): Promise<InstancesToCheck | undefined> {
    const { rows: turns } = await pool.query<{ position: string | null }>(TAKE_TURN, [everyMs])
    const [turn] = turns
    if (turn === undefined) return undefined
    const { rows } = await pool.query<{ id: string; isOfPage: boolean }>(NEXT, [turn.position])
    const page = rows.filter(row => row.isOfPage)
    const next = page.length < PAGE ? null : (page.at(-1)?.id ?? null)
    return { ids: [...new Set(rows.map(row => row.id))], next }
  }

  return {
    instancesToCheck: everyMs => orUnavailable(instancesToCheck(everyMs)),
    // If a process dies before this, its page is checked twice.
    async instancesChecked(next) {
      await orUnavailable(pool.query(GO_ON, [next]))
    },
    async timersOf(ids, known) {
      const found = pool.query<TimersOfInstance>(TIMERS_OF, [ids, namesOf(known)])
      return (await orUnavailable(found)).rows
    },
  }
}
