import type pg from 'pg'
import type { AuditedInstance, AuditStore } from '../../../runtime/audit.js'
import type { Definition } from '../../../runtime/definition.js'
import type { Parked, StoredInstance, StoredTimer } from '../../../runtime/ports.js'
import type { JournalEntry } from '../../../runtime/types.js'
import { DEFAULT_SCHEMA, inSchema } from '../connection/engine-schema.js'
import { INSTANCE_COLUMNS } from './instances.js'
import { millis } from './stored-instance.js'
import { actorOf, eventOf, payloadOf } from './stored-json.js'

/** A delivery whose lease ended this long ago has been lost. Many times the lease and the sweep. */
const FORGOTTEN_AFTER = '2 minutes'

/**
 * The facts of an instance, collected in the statement that reads it, so that all come from one view of the database.
 */
const JOURNAL = `
  (select coalesce(json_agg(json_build_object('version', j.version, 'uid', j.uid, 'event', ${eventOf('j')},
     'status', j.status, 'actor', ${actorOf('j')}, 'at', ${millis('j.at')}) order by j.version), '[]')
   from {journal} j where j.instance = i.id)`
const TIMERS = `
  (select coalesce(json_agg(json_build_object('instance', t.instance, 'machine', t.machine, 'sendId', t.send_id,
     'generation', t.generation, 'event', ${eventOf('t')},
     'dueAt', ${millis("coalesce(nullif(t.due_at, 'infinity'), t.original_due_at)")},
     'parked', case when t.due_at = 'infinity' then t.parked end)), '[]')
   from {timers} t where t.instance = i.id)`
const EVENTS = `
  (select coalesce(json_agg(json_build_object('version', e.version, 'index', e.index, 'type', e.type,
     'payload', ${payloadOf('e')}, 'audience', e.audience)), '[]')
   from {events} e where e.instance = i.id)`
/** Read in the same view as the events, because a sweep may run during the audit. */
const SWEPT = `(select ${millis('swept_before')} from {event_retention})`
const CLAIMS = `(select coalesce(jsonb_agg(c.key), '[]') from {claims} c where c.instance = i.id)`

const STRAYS = `
select format('claim %s of instance %s, which does not exist', key, instance) as message
from {claims} c where not exists (select from {instances} i where i.id = c.instance)
union all
select format('timer %s of instance %s, which does not exist', send_id, instance)
from {timers} t where not exists (select from {instances} i where i.id = t.instance)
union all
select format('event %s.%s.%s is still undelivered to %s', instance, version, index, subscriber)
from {outbox} where due_at < now() - interval '${FORGOTTEN_AFTER}'
limit 100`

export function createAuditStore(
  target: pg.Pool,
  { schema = DEFAULT_SCHEMA }: { readonly schema?: string } = {},
): AuditStore {
  const pool = inSchema(target, schema)
  return {
    async count() {
      const { rows } = await pool.query<{ n: number }>('select count(*)::int as n from {instances}')
      return rows[0]?.n ?? 0
    },
    async page(after, limit, definitions) {
      const { rows } = await pool.query(pageStatement(definitions), [after ?? null, limit])
      return rows.map(toAudited)
    },
    async strays() {
      const { rows } = await pool.query<{ message: string }>(STRAYS)
      return rows.map(row => row.message)
    },
  }
}

function pageStatement(definitions: readonly Definition[]): string {
  const projections = definitions
    .flatMap(d => d.projections)
    .map(({ table, columns }) => {
      const values = Object.entries(columns).map(([name, type]) =>
        // The format of times in a definition: ISO 8601, UTC, milliseconds.
        type === 'timestamptz'
          ? `'${name}', to_char(p.${name} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
          : `'${name}', p.${name}`,
      )
      return `'${table}', (select coalesce(jsonb_agg(jsonb_build_object(${values.join(', ')})), '[]')
      from "${table}" p where p.instance = i.id)`
    })
  return `
    select ${INSTANCE_COLUMNS}, ${JOURNAL} as journal, ${TIMERS} as timers, ${CLAIMS} as claims, ${EVENTS} as events,
           ${SWEPT} as "eventsSweptBefore",
           jsonb_build_object(${projections.join(', ')}) as projections
    from {instances} i
    where $1::uuid is null or i.id > $1
    order by i.id
    limit $2`
}

type Row = StoredInstance & {
  readonly journal: readonly JournalEntry[]
  readonly timers: readonly (Omit<StoredTimer, 'parked'> & { readonly parked: Parked | null })[]
  readonly claims: readonly string[]
  readonly events: AuditedInstance['events']
  readonly eventsSweptBefore: number | null
  readonly projections: AuditedInstance['projections']
}

function toAudited(row: Row): AuditedInstance {
  const { journal, timers, claims, events, eventsSweptBefore, projections, ...instance } = row
  return {
    instance,
    journal,
    timers: timers.map(({ parked, ...timer }) => (parked === null ? timer : { ...timer, parked })),
    claims,
    events,
    eventsSweptBefore: eventsSweptBefore ?? undefined,
    projections,
  }
}
