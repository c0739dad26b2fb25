/*
 * Runs the checks of `npm run verify` after the load, because figures of an engine that broke a promise are worthless.
 * Replaying a journal takes a millisecond or two. If there are many instances, only pages spread over the table are checked.
 */
import type pg from 'pg'
import { createAuditStore } from '../../src/adapters/postgres/engine/audit-store.js'
import { broadcastInvariants } from '../../src/dispatch/invariants.js'
import { broadcastDefinition } from '../../src/machines/index.js'
import { type AuditStore, audit } from '../../src/runtime/audit.js'
import type { Definition } from '../../src/runtime/definition.js'
import type { Database } from '../world.js'

/** Some seconds of work. Strays and undelivered events are looked for in the whole database in any case. */
const MAX_PAGES = 40
/** The page size of the audit, which takes a shorter page as the last. */
const PAGE_SIZE = 50

/** Throws with the first violation. */
export async function assertNoViolations({ pool }: Pick<Database, 'pool'>): Promise<void> {
  // The plans of the audit expect tables with statistics.
  await pool.query('analyze')
  const starts = await pageStarts(pool)
  const definitions = [broadcastDefinition as unknown as Definition]
  const store = sampling(createAuditStore(pool), starts)
  for await (const violation of audit(store, definitions, broadcastInvariants)) {
    const { invariant, instance = 'no instance', message } = violation
    throw new Error(`invariant ${invariant} is broken: ${message} (${instance})`)
  }
}

/** Ids after which pages begin: of all pages, or of evenly spread ones. `undefined` means the beginning. */
async function pageStarts(pool: pg.Pool): Promise<(string | undefined)[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select id from (select id, row_number() over (order by id) as n, count(*) over () as total from instances) i
     where n % (${PAGE_SIZE} * greatest(1, ceil(total::numeric / ${PAGE_SIZE * MAX_PAGES})::int)) = 0 order by id`,
  )
  return [undefined, ...rows.map(({ id }) => id)]
}

/** The store with these pages only, one after the other. */
function sampling(store: AuditStore, starts: readonly (string | undefined)[]): AuditStore {
  let next = 0
  return {
    ...store,
    async page(_after, limit, definitions) {
      if (limit !== PAGE_SIZE) throw new Error(`the audit's pages have ${limit} instances`)
      if (next === starts.length) return []
      return store.page(starts[next++], limit, definitions)
    },
  }
}
