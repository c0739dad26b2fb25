/* `npm run verify`: checks the invariants of docs/ARCHITECTURE.md on a live database. Exit code 1 on any violation. */
import pg from 'pg'
import { createAuditStore } from '../src/adapters/postgres/audit-store.js'
import { tripsOutsideFleets } from '../src/adapters/postgres/fleet/outside-fleets.js'
import { broadcastInvariants, FLEET_INVARIANT } from '../src/dispatch/invariants.js'
import { broadcastDefinition } from '../src/machines/index.js'
import { audit, type Violation } from '../src/runtime/audit.js'
import type { Definition } from '../src/runtime/definition.js'
import { withDatabase } from './with-database.js'

/** A defect that breaks everything should not scroll the first violation away. */
const MAX_LINES = 100

await withDatabase(async connectionString => {
  const pool = new pg.Pool({ connectionString, max: 1 })
  let violations = 0
  let looked = 0
  try {
    const definitions = [broadcastDefinition as unknown as Definition]
    const showProgress = (done: number, total: number) => {
      looked = done
      if (process.stderr.isTTY) process.stderr.write(`\rverified ${done} of ${total} instances`)
    }
    const report = ({ invariant, instance, message }: Violation) => {
      violations++
      if (violations <= MAX_LINES) console.log(`invariant ${invariant}  ${instance ?? '-'}  ${message}`)
    }
    const instances = audit(createAuditStore(pool), definitions, broadcastInvariants, showProgress)
    for await (const violation of instances) report(violation)
    for (const found of await tripsOutsideFleets(pool)) report({ invariant: FLEET_INVARIANT, ...found })
  } finally {
    await pool.end()
  }
  if (process.stderr.isTTY) process.stderr.write('\r')
  console.log(`${looked} instances verified, ${violations} violations of the invariants`)
  if (violations > 0) process.exitCode = 1
})
