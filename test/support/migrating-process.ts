/* A process that migrates: `migrating-process.ts <connection string> <folder>`. Made to be killed half way. */
import { migrate } from '../../src/adapters/postgres/migrate.js'
import { silentLog } from './log.js'

const [connectionString = '', folder = ''] = process.argv.slice(2)
await migrate(connectionString, { log: silentLog, folder })
