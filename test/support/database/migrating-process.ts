/* A process that migrates: `migrating-process.ts <connection string> <folder>`. Tests kill it half way. */
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import { silentLog } from '../engine/log.js'

const [connectionString = '', folder = ''] = process.argv.slice(2)
await migrate(connectionString, { log: silentLog, folder })
