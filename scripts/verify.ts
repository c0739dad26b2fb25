/* `npm run verify`: checks the invariants of docs/ARCHITECTURE.md on a live database. Exit code 1 on any violation. */
import { createAuditStore } from '../src/adapters/postgres/audit-store.js'
import { createDatabase } from '../src/adapters/postgres/connection/database.js'
import { broadcastInvariants } from '../src/dispatch/invariants.js'
import { broadcastDefinition } from '../src/machines/index.js'
import { audit } from '../src/runtime/audit.js'
import type { Definition } from '../src/runtime/definition.js'
import { withDatabase } from './with-database.js'

/** A defect that breaks everything should not scroll the first violation away. */
const MAX_LINES = 100

await withDatabase(async connectionString => {
  const pool = createDatabase(connectionString).openPool({ max: 1, mayBeReadOnly: true })
  let violations = 0
  let looked = 0
  try {
    const definitions = [broadcastDefinition as unknown as Definition]
    const showProgress = (done: number, total: number) => {
      looked = done
      if (process.stderr.isTTY) process.stderr.write(`\rverified ${done} of ${total} instances`)
    }
    for await (const violation of audit(
      createAuditStore(pool),
      definitions,
      broadcastInvariants,
      showProgress,
    )) {
      violations++
      if (violations <= MAX_LINES) {
        console.log(`invariant ${violation.invariant}  ${violation.instance ?? '-'}  ${violation.message}`)
      }
    }
  } finally {
    await pool.end()
  }
  if (process.stderr.isTTY) process.stderr.write('\r')
  console.log(`${looked} instances verified, ${violations} violations of the invariants`)
  if (violations > 0) process.exitCode = 1
})
