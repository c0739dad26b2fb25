import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { FleetStore } from '../../../../dispatch/ports.js'
import { db, type Parameters, run, statement } from '../../connection/statement.js'
import { anyText } from '../columns.js'
import { isActiveTransporter } from './people.js'

/**
 * One statement and so one row lock: toggles of one transporter take turns.
 * A transporter without a row is not available. What happened is read off the row that came out: it holds
 * another state than asked for only if the limit was reached, and `now()` among the changes only if we put it there.
 */
const setAvailable = statement(
  ($: Parameters<{ id: string; isAvailable: boolean; changes: number; windowMs: number }>) => {
    const windowMs = sql<number>`${$.windowMs}::float8`
    const recent = sql<Date[]>`array(
      select c from unnest(transporters.changes) as c where c > now() - ${windowMs} * interval '1 millisecond' order by c)`
    const isWithinLimit = sql<boolean>`cardinality(${recent}) < ${$.changes}`
    return db
      .insertInto('transporters')
      .values({
        id: $.id,
        is_available: $.isAvailable,
        changes: sql<Date[]>`case when ${$.isAvailable} then array[now()] else '{}' end`,
      })
      .onConflict(conflict =>
        conflict.column('id').doUpdateSet({
          is_available: sql`case when ${isWithinLimit} then excluded.is_available else transporters.is_available end`,
          changes: sql`${recent} || case
            when transporters.is_available is distinct from excluded.is_available and ${isWithinLimit}
            then array[now()] else '{}' end`,
        }),
      )
      .returning([
        'is_available',
        sql<boolean>`coalesce(changes[cardinality(changes)] = now(), false)`.as('is_changed'),
        sql<number>`(extract(epoch from changes[1] - now()) * 1000)::float8 + ${windowMs}`.as(
          'retry_after_ms',
        ),
      ])
  },
)

export async function setTransporterAvailable(
  pool: Pool,
  transporterId: string,
  isAvailable: boolean,
  { changes, windowMs }: { changes: number; windowMs: number },
): ReturnType<FleetStore['setTransporterAvailable']> {
  const [row] = await run(pool, setAvailable, { id: transporterId, isAvailable, changes, windowMs })
  if (row === undefined) throw new Error('an upsert without a condition answered no row')
  if (row.is_available !== isAvailable) {
    return { kind: 'limited', retryAfterMs: Math.max(0, row.retry_after_ms) }
  }
  return { kind: 'set', changed: row.is_changed }
}

/** By transporter: each may have thousands of vehicles, and one is enough. `limit` keeps it from reading them all. */
const ownersOf = statement(($: Parameters<{ vehicleTypes: readonly string[]; limit: number }>) =>
  db
    .selectFrom('transporters as t')
    .crossJoinLateral(eb =>
      eb
        .selectFrom('vehicles as v')
        .whereRef('v.transporter_id', '=', 't.id')
        .where('v.vehicle_type', '=', anyText($.vehicleTypes))
        .limit(sql.lit(1))
        .as('owned'),
    )
    .select('t.id')
    .where('t.is_available', '=', sql.lit(true))
    .where(isActiveTransporter('t.id'))
    .limit($.limit),
)

export async function availableOwners(
  pool: Pool,
  vehicleTypes: readonly string[],
  limit: number,
): Promise<readonly string[]> {
  const rows = await run(pool, ownersOf, { vehicleTypes, limit })
  return rows.map(({ id }) => id)
}
