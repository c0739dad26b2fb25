/*
 * Timers that fail to fire. The timer's row counts the attempts. A dead letter is a parked row with an id. If a process
 * of an older release arms the timer again, it leaves the other columns unchanged, so a row counts as a dead letter
 * only while it is parked as one.
 */

import type { DeadTimer } from '../../../runtime/dead-letters.js'
import type { Store, TimerFailure } from '../../../runtime/ports.js'
import type { TimerKey } from '../../../runtime/types.js'
import type { EnginePool } from '../connection/engine-schema.js'
import { orUnavailable } from '../connection/sqlstate.js'
import { millis } from './stored-instance.js'
import { eventOf } from './stored-json.js'

/** The timer $1 $2 $3, unless attempt $4 to fire it was counted already. */
const UNCOUNTED = `
t.instance = $1 and t.send_id = $2 and t.generation = $3 and t.due_at < 'infinity' and coalesce(t.attempts, 0) < $4::int`

const POSTPONE = `
update {timers} t set attempts = $4, last_error = $5,
  leased_until = clock_timestamp() + $6::float8 * interval '1 millisecond'
where ${UNCOUNTED}`

/** Ids come from the sequence of dead deliveries, so that one list can contain both. */
const BURY = `
update {timers} t set attempts = $4, last_error = $5, leased_until = null, parked = 'dead', due_at = 'infinity',
  original_due_at = t.due_at, died_at = clock_timestamp(),
  dead_letter = nextval(pg_get_serial_sequence('{dead_letters}', 'id'))
where ${UNCOUNTED}`

export const IS_DEAD = `t.dead_letter is not null and t.parked = 'dead' and t.due_at = 'infinity'`

const DEAD = `
select 'timer' as kind, t.dead_letter::float8 as id, t.instance, t.machine, t.send_id as "sendId", t.generation,
       ${eventOf('t')} ->> 'type' as type, coalesce(t.attempts, 0) as attempts, coalesce(t.last_error, '') as error,
       ${millis('t.original_due_at')} as "dueAt", ${millis('t.died_at')} as "diedAt"
from {timers} t
where ${IS_DEAD} and ($1::bigint is null or t.dead_letter < $1)
order by t.dead_letter desc limit $2`

const REDRIVE = `
update {timers} t set parked = null, due_at = t.original_due_at, original_due_at = null, attempts = null, last_error = null,
  dead_letter = null, died_at = null
where t.dead_letter = $1 and ${IS_DEAD}`

/** The timer stays parked, so that it does not look like a lost one. */
const DROP = `
update {timers} t set parked = 'dropped', original_due_at = null, attempts = null, last_error = null, dead_letter = null,
  died_at = null
where t.dead_letter = $1 and ${IS_DEAD}`

export function createDeadTimers(pool: EnginePool): Pick<Store, 'postponeTimer' | 'buryTimer'> & {
  list(before: number | undefined, limit: number): Promise<readonly DeadTimer[]>
  redrive(id: number): Promise<boolean>
  drop(id: number): Promise<boolean>
} {
  const changes = async (name: string, text: string, values: readonly unknown[]) =>
    (await orUnavailable(pool.query({ name, text, values: [...values] }))).rowCount === 1
  const valuesOf = ({ instance, sendId, generation }: TimerKey, { attempts, error }: TimerFailure) => [
    instance,
    sendId,
    generation,
    attempts,
    error,
  ]

  return {
    postponeTimer: (timer, failure, delayMs) =>
      changes('postpone_timer', POSTPONE, [...valuesOf(timer, failure), delayMs]),
    buryTimer: (timer, failure) => changes('bury_timer', BURY, valuesOf(timer, failure)),
    async list(before, limit) {
      return (await orUnavailable(pool.query<DeadTimer>(DEAD, [before ?? null, limit]))).rows
    },
    redrive: id => changes('redrive_timer', REDRIVE, [id]),
    drop: id => changes('drop_timer', DROP, [id]),
  }
}
