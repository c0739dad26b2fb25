/*
 * `npm run verify`: checks the invariants (docs/architecture/invariants.md) on a live database. Exit code 1 on any violation. With
 * `-- --repair` missing timers are armed again, and a repaired timer does not count as a violation.
 */
import { parseArgs } from 'node:util'
import { createDatabase } from '../src/adapters/postgres/connection/database.js'
import { createAuditStore } from '../src/adapters/postgres/engine/audit-store.js'
import { createPostgresStore } from '../src/adapters/postgres/engine/store.js'
import { tripsOutsideFleets } from '../src/adapters/postgres/product/fleet/outside-fleets.js'
import { broadcastInvariants, FLEET_INVARIANT } from '../src/dispatch/invariants.js'
import { broadcastDefinition } from '../src/machines/index.js'
import { audit, TIMERS_MATCH, type Violation } from '../src/runtime/audit.js'
import type { Definition } from '../src/runtime/definition.js'
import { createRegistry } from '../src/runtime/definitions/registry.js'
import { silentLog } from '../src/runtime/silent-log.js'
import { Rearm } from '../src/runtime/timers/rearm.js'
import { withDatabase } from './with-database.js'

/** A defect that breaks everything should not scroll the first violation out of sight. */
const MAX_LINES = 100

const definitions = [broadcastDefinition as unknown as Definition]

await withDatabase(async connectionString => {
  const { values } = parseArgs({ options: { repair: { type: 'boolean', default: false } } })
  const database = createDatabase(connectionString)
  const pool = database.openPool({ max: 1, mayBeReadOnly: true })
  const store = createPostgresStore({ connectionString, database })
  const rearm = new Rearm({ store, registry: createRegistry(definitions), log: silentLog, onArmed() {} })
  let violations = 0
  let repaired = 0
  let looked = 0

  async function repair({ invariant, instance }: Violation): Promise<boolean> {
    if (!values.repair || invariant !== TIMERS_MATCH || instance === undefined) return false
    const count = await rearm.check(instance)
    repaired += count
    if (count > 0) console.log(`repaired  ${instance}  ${count} missing timers armed again`)
    return count > 0
  }

  try {
    const showProgress = (done: number, total: number) => {
      looked = done
      if (process.stderr.isTTY) process.stderr.write(`\rverified ${done} of ${total} instances`)
    }
    const report = ({ invariant, instance, message }: Violation) => {
      violations++
      if (violations <= MAX_LINES) console.log(`invariant ${invariant}  ${instance ?? '-'}  ${message}`)
    }
    const instances = audit(createAuditStore(pool), definitions, broadcastInvariants, showProgress)
    for await (const violation of instances) if (!(await repair(violation))) report(violation)
    for (const found of await tripsOutsideFleets(pool)) report({ invariant: FLEET_INVARIANT, ...found })
  } finally {
    await Promise.all([pool.end(), store.close()])
  }
  if (process.stderr.isTTY) process.stderr.write('\r')
  if (values.repair) console.log(`${repaired} timers armed again`)
  console.log(`${looked} instances verified, ${violations} violations of the invariants`)
  if (violations > 0) process.exitCode = 1
})
