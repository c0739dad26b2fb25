import pg from 'pg'
import { createAuditStore } from '../../../src/adapters/postgres/engine/audit-store.js'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import { createTestDatabase } from '../../support/database/postgres.js'
import { describeStore } from './store.js'

describeStore('Postgres', async () => {
  const { connectionString, drop } = await createTestDatabase()
  const [store, other] = [
    createPostgresStore({ connectionString }),
    createPostgresStore({ connectionString }),
  ]
  const pool = new pg.Pool({ connectionString, max: 1 })
  return {
    store,
    other,
    audit: createAuditStore(pool),
    async close() {
      await Promise.all([store.close(), other.close(), pool.end()])
      await drop()
    },
  }
})
