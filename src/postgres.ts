/* The store on Postgres, and what brings a database to this release's schema: `loadcast/postgres`. */
export { createAuditStore } from './adapters/postgres/audit-store.js'
export {
  MigrationError,
  type MigrationTarget,
  migrateEngine as migrate,
} from './adapters/postgres/migrate.js'
export { UnsupportedPostgresError } from './adapters/postgres/server-version.js'
export { createPostgresStore, type PostgresStoreOptions } from './adapters/postgres/store.js'
export { createWakeups } from './adapters/postgres/wakeups.js'
