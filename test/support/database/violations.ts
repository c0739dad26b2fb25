import type pg from 'pg'
import { createAuditStore } from '../../../src/adapters/postgres/engine/audit-store.js'
import { audit } from '../../../src/runtime/audit.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { testDefinitions } from '../engine/engine.js'

/** The violations that the audit finds in a database, as sentences. */
export async function violationsOf(sql: pg.Pool, definitions: readonly Definition[] = testDefinitions) {
  const found: string[] = []
  for await (const { invariant, instance, message } of audit(createAuditStore(sql), definitions)) {
    found.push(`${invariant} ${instance}: ${message}`)
  }
  return found
}
