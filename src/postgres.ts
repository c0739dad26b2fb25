/* The store on Postgres, and what brings a database to this release's schema: `loadcast/postgres`. */

export { UnsupportedPostgresError } from './adapters/postgres/connection/server-version.js'
export { createAuditStore } from './adapters/postgres/engine/audit-store.js'
export { createPostgresStore, type PostgresStoreOptions } from './adapters/postgres/engine/store.js'
export { createWakeups } from './adapters/postgres/engine/wakeups.js'
export {
  MigrationError,
  type MigrationTarget,
  migrateEngine as migrate,
} from './adapters/postgres/schema/migrate.js'
