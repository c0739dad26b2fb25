import { sql } from 'kysely'
import { db } from '../../connection/statement.js'

/**
 * Whether a live request holds the claim on the driver or vehicle whose id is in column `id`. `offset 0` keeps it a look-up by key for
 * each row, where the planner would rather read all claims into a hash.
 */
export const isClaimed = (kind: 'driver' | 'vehicle', id: string) =>
  sql<boolean>`exists ${db
    .selectFrom('loadcast.claims as c')
    .where('c.key', '=', sql<string>`${sql.lit(`${kind}:`)} || ${sql.ref(id)}`)
    .offset(sql.lit(0))}`

/** The same in the newest state, later than the statement's snapshot: for what has waited for the lock of a row. */
export const isClaimedNow = (kind: 'driver' | 'vehicle', id: string) =>
  sql<boolean>`is_claimed(${sql.lit(`${kind}:`)} || ${sql.ref(id)})`
