/* `npm run migrate`: brings the database of the settings to this release's schema. */
import { migrate } from '../src/adapters/postgres/migrate.js'
import { consoleLog, withDatabase } from './with-database.js'

await withDatabase(async connectionString => {
  await migrate(connectionString, { log: consoleLog })
})
