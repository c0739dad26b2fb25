/*
 * The one Postgres of a test run: fresh, migrated into a template database that test files clone, deleted at the end.
 * A run that was killed leaves its server and folder; the next run finds that no live process holds them.
 */
import { chmod, mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import {
  EmbeddedPostgresHeldError,
  removeEmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/adapters/postgres/embedded/index.js'
import { migrate } from '../../src/adapters/postgres/migrate.js'
import { silentLog } from './log.js'
import { SERVER_VARIABLE, TEMPLATE } from './postgres.js'

const PREFIX = `loadcast-test-${process.getuid?.() ?? 'user'}-`

export async function startTestServer(): Promise<{ stop(): Promise<void> }> {
  await removeLeftovers()
  const dataDir = await mkdtemp(join(tmpdir(), PREFIX))
  await chmod(dataDir, 0o711) // as root, Postgres runs as another user, who must enter it
  const server = await startEmbeddedPostgres({
    dataDir,
    log: silentLog,
    // A test kills processes, never the machine: what the kernel has is not lost.
    settings: { fsync: 'off', full_page_writes: 'off' },
  })
  await makeTemplate(server.connectionString)
  process.env[SERVER_VARIABLE] = server.connectionString // the workers inherit it
  return {
    async stop() {
      await server.stop()
      await removeEmbeddedPostgres(dataDir, silentLog)
    },
  }
}

async function makeTemplate(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(`create database ${TEMPLATE}`)
  await client.end()
  const url = new URL(connectionString)
  url.pathname = `/${TEMPLATE}`
  await migrate(url.href, { log: silentLog })
}

async function removeLeftovers(): Promise<void> {
  const names = (await readdir(tmpdir())).filter(name => name.startsWith(PREFIX))
  for (const name of names) {
    await removeEmbeddedPostgres(join(tmpdir(), name), silentLog).catch(error => {
      if (!(error instanceof EmbeddedPostgresHeldError)) throw error // another run is under way
    })
  }
}
