import { sql } from 'kysely'
import { db, type Parameters, statement } from '../connection/statement.js'

/**
 * Deletes delivered events older than so many milliseconds, the oldest of them, and moves the mark before which events
 * may be gone. Any number of processes may: each takes rows that no other holds. Commits only insert events, so none
 * waits for it. What is still to be delivered stays, and what is a dead letter, as it may be redriven.
 */
export const eventsSwept = statement(($: Parameters<{ olderThanMs: number; limit: number }>) => {
  const before = sql<Date>`now() - ${$.olderThanMs}::float8 * interval '1 millisecond'`
  return db
    .with(
      cte => cte('old').materialized(),
      query =>
        query
          .selectFrom('loadcast.events as e')
          .select([sql`e.ctid`.as('place'), sql<Date>`greatest(e.recorded_at, e.late_at)`.as('kept_until')])
          .where('e.recorded_at', '<', before)
          .where(eb => eb.or([eb('e.late_at', 'is', null), eb('e.late_at', '<', before)]))
          .where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom('loadcast.outbox as o')
                  .whereRef('o.instance', '=', 'e.instance')
                  .whereRef('o.version', '=', 'e.version')
                  .whereRef('o.index', '=', 'e.index'),
              ),
            ),
          )
          .where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom('loadcast.dead_letters as d')
                  .whereRef('d.instance', '=', 'e.instance')
                  .whereRef('d.version', '=', 'e.version')
                  .whereRef('d.index', '=', 'e.index'),
              ),
            ),
          )
          .orderBy('e.recorded_at')
          .limit($.limit)
          .forUpdate()
          .skipLocked(),
    )
    .with('swept', query =>
      query
        .deleteFrom('loadcast.events')
        .where(sql<boolean>`ctid = any(array(select place from old))`)
        .returning('instance'),
    )
    .with('moved', query =>
      query
        .insertInto('loadcast.event_retention')
        .columns(['swept_before'])
        .expression(
          query
            .selectFrom('old')
            .select(sql<Date>`max(kept_until) + interval '1 microsecond'`.as('swept_before'))
            .having(({ fn }) => fn.countAll(), '>', sql.lit(0)),
        )
        .onConflict(conflict =>
          conflict.column('is_only').doUpdateSet({
            swept_before: sql`greatest(event_retention.swept_before, excluded.swept_before)`,
          }),
        ),
    )
    .selectFrom('swept')
    .select('instance')
})
