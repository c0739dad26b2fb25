/*
 * `npm run schema`: writes migrations/schema.txt, and the types of the tables, from an empty database to which all migrations
 * were applied.
 */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDatabase } from '../src/adapters/postgres/connection/database.js'
import { startEmbeddedPostgres } from '../src/adapters/postgres/embedded/index.js'
import { migrate } from '../src/adapters/postgres/schema/migrate.js'
import { SCHEMA_FILE } from '../src/adapters/postgres/schema/migration-files.js'
import { dumpProduct } from '../src/adapters/postgres/schema/schema-dump.js'
import { tableTypes } from '../src/adapters/postgres/schema/table-types.js'
import { consoleLog } from './with-database.js'

const TYPES_FILE = fileURLToPath(new URL('../src/adapters/postgres/schema/tables.ts', import.meta.url))

const dataDir = await mkdtemp(join(tmpdir(), 'loadcast-schema-'))
await chmod(dataDir, 0o711) // If root runs this, Postgres runs as another user, which must enter the folder.
const server = await startEmbeddedPostgres({ dataDir, log: consoleLog, settings: { fsync: 'off' } })
try {
  await migrate(server.connectionString, { log: consoleLog })
  const client = await createDatabase(server.connectionString).connect({})
  await writeFile(SCHEMA_FILE, await dumpProduct(client))
  await writeFile(TYPES_FILE, await tableTypes(client))
  await client.end()
  console.log(`Wrote ${SCHEMA_FILE} and ${TYPES_FILE}.`)
} finally {
  await server.stop()
  await rm(dirname(server.dataDir), { recursive: true, force: true })
  await rm(dataDir, { recursive: true, force: true })
}
