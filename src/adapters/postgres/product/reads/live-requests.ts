import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { LiveRequest } from '../../../../dispatch/ports.js'
import { db, type Parameters, run, statement } from '../../connection/statement.js'
import { isActiveTransporter } from '../fleet/people.js'
import { snapshotOf } from '../stored-json.js'

/** The status of a request that seeks. */
export const SEEKING = [sql.lit('searching'), sql.lit('partially_filled')] as const

/** Matches the keys of claims on customers, which requests hold while they seek. */
export const CUSTOMERS = sql.lit('customer:%')

/**
 * Requests `i` that seek are those that hold their customer's claim `s`: few rows, however many requests have ended.
 * `instances` has no index by status, so that its updates stay heap-only.
 */
export const seeking = db
  .selectFrom('loadcast.claims as s')
  .innerJoin('loadcast.instances as i', join =>
    join
      .onRef('i.id', '=', 's.instance')
      .on('i.machine', '=', sql.lit('broadcast'))
      .on('s.key', '=', sql<string>`'customer:' || i.owner`)
      .on('i.status', 'in', SEEKING),
  )
  .where('s.key', 'like', CUSTOMERS)

interface StoredContext {
  readonly pickup: unknown
  readonly reachStepsKm: readonly number[]
  readonly trucks: unknown
}

/** Parses each snapshot once (see `contextOf`), and only of requests that were not offered yet. */
const unofferedLive = statement(($: Parameters<{ transporterId: string; limit: number }>) =>
  db
    .with(
      cte => cte('owned').materialized(),
      cte =>
        cte
          .selectFrom('vehicles as v')
          .innerJoin('transporters as t', join =>
            join.onRef('t.id', '=', 'v.transporter_id').on('t.is_available', '=', sql.lit(true)),
          )
          .select(eb =>
            eb.fn.agg<readonly string[] | null>('array_agg', ['v.vehicle_type']).distinct().as('types'),
          )
          .where('v.transporter_id', '=', $.transporterId)
          .where(isActiveTransporter('t.id')),
    )
    .with(
      cte => cte('unoffered').materialized(),
      cte =>
        seeking
          .select(['i.id', snapshotOf('i').as('snapshot')])
          .where(({ exists, not }) =>
            exists(cte.selectFrom('owned').where('types', 'is not', null)).and(
              not(
                exists(
                  cte
                    .selectFrom('recipients as r')
                    .where('r.broadcast_id', '=', sql.ref<string>('i.id'))
                    .where('r.transporter_id', '=', $.transporterId)
                    .where('r.offered_at', 'is not', null),
                ),
              ),
            ),
          ),
    )
    .selectFrom('unoffered as u')
    .crossJoin('owned')
    .crossJoinLateral(
      sql<{ value: { reach: string }; context: unknown }>`json_to_record(u.snapshot)`.as<'v'>(
        sql`v(value json, context json)`,
      ),
    )
    .crossJoinLateral(
      sql<StoredContext>`json_to_record(v.context)`.as<'c'>(
        sql`c(pickup json, "reachStepsKm" json, trucks json)`,
      ),
    )
    .crossJoinLateral(
      sql<{ types: readonly string[] }>`(
        select array_agg(distinct truck ->> 'vehicleType') as types
        from json_array_elements(c.trucks) as truck
        where truck ->> 'tripId' is null
      )`.as('open'),
    )
    .select([
      'u.id',
      sql<number>`(c.pickup ->> 'lat')::float8`.as('lat'),
      sql<number>`(c.pickup ->> 'lng')::float8`.as('lng'),
      sql<string>`v.value ->> 'reach'`.as('reach'),
      'c.reachStepsKm',
      'open.types as openTypes',
    ])
    .where(sql<boolean>`open.types && owned.types`)
    .orderBy('u.id', 'desc')
    .limit($.limit),
)

export async function listUnofferedLive(
  pool: Pool,
  transporterId: string,
  limit: number,
): Promise<readonly LiveRequest[]> {
  const rows = await run(pool, unofferedLive, { transporterId, limit })
  return rows.map(({ lat, lng, ...request }) => ({ ...request, pickup: { lat, lng } }))
}
