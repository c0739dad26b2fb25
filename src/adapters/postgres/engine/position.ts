import type pg from 'pg'
import type { HistoryPosition, Store } from '../../../runtime/ports.js'
import { sqlstateOf } from '../connection/sqlstate.js'

/**
 * The system identifier tells one cluster's data from another's. The timeline changes with each promotion, and the WAL
 * position that is safe on disk goes back only with a restore. `pg_walfile_name` begins with the timeline in eight
 * hexadecimal digits.
 */
const POSITION = `
select (select system_identifier from pg_control_system()) || '/' ||
         substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) as history,
       (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::float8 as offset`

/** The role may not call the functions, they do not exist, or the service does not support them. */
const NOT_OFFERED: ReadonlySet<unknown> = new Set(['42501', '42883', '0A000'])

/** On services without these functions a lost history is detected only when an instance is read. */
export function createPosition(pool: pg.Pool): Pick<Store, 'position'> {
  let isOffered = true
  return {
    async position() {
      if (!isOffered) return undefined
      try {
        return (await pool.query<HistoryPosition>(POSITION)).rows[0]
      } catch (error) {
        if (NOT_OFFERED.has(sqlstateOf(error))) isOffered = false
        throw error
      }
    },
  }
}
