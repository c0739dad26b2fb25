/* `npm run migrate`: migrates the database of the settings to this release's schema. */
import { migrate } from '../src/adapters/postgres/schema/migrate.js'
import { createDatabaseWait } from '../src/app/database-wait.js'
import { consoleLog, withDatabase } from './with-database.js'

await withDatabase(async (connectionString, { databaseWaitMs }) => {
  const whenAvailable = createDatabaseWait({ waitMs: databaseWaitMs, tell: consoleLog.warn })
  await whenAvailable(() => migrate(connectionString, { log: consoleLog }))
})
