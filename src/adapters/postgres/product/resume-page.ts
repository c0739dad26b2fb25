/* A page of events for a reader that resumes. */
import { type QueryCreator, type RawBuilder, type Selectable, sql } from 'kysely'
import type { EventPosition, Micros } from '../../../dispatch/ports.js'
import type { Parameters } from '../connection/statement.js'
import type { Tables } from '../schema/tables.js'
import { millisOf } from './columns.js'
import { payloadOf, SURROUNDINGS, tripStatusOf } from './stored-json.js'

export interface PageValues {
  readonly since: Micros
  /** The end of the last page. All are null at the start. */
  readonly recordedAt: Micros | null
  readonly instance: string | null
  readonly version: number | null
  readonly index: number | null
  readonly limit: number
}

export const positionValues = (after: EventPosition | undefined) => ({
  recordedAt: after?.recordedAt ?? null,
  instance: after?.instance ?? null,
  version: after?.version ?? null,
  index: after?.index ?? null,
})

/** Microseconds since the epoch. */
export const microsOf = <T extends Micros | null = Micros>(column: string) =>
  sql<T>`(extract(epoch from ${sql.ref(column)}) * 1000000)::float8`
export const timeOf = (micros: RawBuilder<Micros | null>) =>
  sql<Date>`to_timestamp(${micros}::float8 / 1000000)`

/** Events that concern the reader. */
export type Found = Selectable<Tables['loadcast.events']> & { readonly is_offered: boolean }

/** A page of the events in the common table expression `found`. */
export const pageOf = (parts: QueryCreator<Tables & { found: Found }>, $: Parameters<PageValues>) =>
  parts
    .with(
      cte => cte('page').materialized(),
      cte =>
        cte
          .selectFrom('found as e')
          .selectAll('e')
          .where(
            sql<boolean>`(${$.recordedAt}::float8 is null or (e.recorded_at, e.instance, e.version, e.index) >
              (${timeOf($.recordedAt)}, ${$.instance}::uuid, ${$.version}::integer, ${$.index}::integer))`,
          )
          .orderBy('e.recorded_at')
          .orderBy('e.instance')
          .orderBy('e.version')
          .orderBy('e.index')
          .limit($.limit),
    )
    .with(
      cte => cte('request').materialized(),
      cte =>
        cte
          .selectFrom('loadcast.instances as i')
          .crossJoinLateral(SURROUNDINGS)
          .select(['i.id', 'i.machine', 'i.owner', 'c.pickup', 'c.drop', 'c.goods'])
          .where('i.id', '=', sql<string>`any(array(select p.instance from page p))`),
    )
    .selectFrom('page as p')
    .innerJoin('request as r', 'r.id', 'p.instance')
    .select([
      'p.instance',
      'p.version',
      'p.index',
      'p.type',
      payloadOf('p').as('payload'),
      'p.audience',
      millisOf('p.at').as('at'),
      microsOf('p.recorded_at').as('recordedAt'),
      tripStatusOf('p', 'r.machine').as('tripStatus'),
      'p.is_offered as isOffered',
      'r.owner as customerId',
      'r.pickup',
      'r.drop',
      'r.goods',
    ])
    .orderBy('p.recorded_at')
    .orderBy('p.instance')
    .orderBy('p.version')
    .orderBy('p.index')
