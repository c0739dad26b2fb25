/*
 * What `npm run verify` looks for, after the load: figures of an engine that broke a promise are worth nothing.
 * Replaying a journal takes a millisecond or two, so of many instances some are looked at, in pages all over the table.
 */
import type pg from 'pg'
import { createAuditStore } from '../../src/adapters/postgres/audit-store.js'
import { broadcastInvariants } from '../../src/dispatch/invariants.js'
import { broadcastDefinition } from '../../src/machines/index.js'
import { type AuditStore, audit } from '../../src/runtime/audit.js'
import type { Definition } from '../../src/runtime/definition.js'
import type { Database } from '../world.js'

/** Some seconds of work. Strays and what is undelivered are looked for in all of the database in any case. */
const MAX_PAGES = 40
/** The audit's own: a shorter page is its last. */
const PAGE_SIZE = 50

/** Throws with the first violation of any. */
export async function assertNoViolations({ pool }: Pick<Database, 'pool'>): Promise<void> {
  // The audit's plans are made for tables that have been there for a while.
  await pool.query('analyze')
  const starts = await pageStarts(pool)
  const definitions = [broadcastDefinition as unknown as Definition]
  const store = sampling(createAuditStore(pool), starts)
  for await (const violation of audit(store, definitions, broadcastInvariants)) {
    const { invariant, instance = 'no instance', message } = violation
    throw new Error(`invariant ${invariant} is broken: ${message} (${instance})`)
  }
}

/** Ids after which pages begin: of every page, or of so many that are evenly spread. `undefined`: from the first. */
async function pageStarts(pool: pg.Pool): Promise<(string | undefined)[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select id from (select id, row_number() over (order by id) as n, count(*) over () as total from instances) i
     where n % (${PAGE_SIZE} * greatest(1, ceil(total::numeric / ${PAGE_SIZE * MAX_PAGES})::int)) = 0 order by id`,
  )
  return [undefined, ...rows.map(({ id }) => id)]
}

/** The store, asked for these pages one after the other. */
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
