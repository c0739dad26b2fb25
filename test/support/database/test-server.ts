/*
 * The Postgres of a test run, migrated into a template database that test files clone, and the folder with all files of the
 * run. Both are removed at the end. A killed run leaves them. The next run then finds that no live process holds the folder,
 * ends the servers in it and deletes it.
 */
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { readConnection } from '../../../src/adapters/postgres/embedded/connection-file.js'
import {
  EmbeddedPostgresHeldError,
  startEmbeddedPostgres,
} from '../../../src/adapters/postgres/embedded/index.js'
import { acquireLock, type Lock } from '../../../src/adapters/postgres/embedded/lock.js'
import { findPostmaster } from '../../../src/adapters/postgres/embedded/postmaster.js'
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import { silentLog } from '../engine/log.js'
import { findFiles } from '../processes/find-files.js'
import { FOLDER_VARIABLE } from '../processes/temporary-folder.js'
import { endRedisServersIn } from '../redis/redis-server.js'
import { unmountDisksIn } from '../weather/unmount.js'
import { NO_FSYNC } from './no-fsync.js'
import { SERVER_VARIABLE, TEMPLATE } from './postgres.js'
import { testBinaries } from './postgres-binaries.js'

const PREFIX = `loadcast-test-${process.getuid?.() ?? 'user'}-`

/**
 * A running Postgres to use instead of starting one (test/support/database/postgres-binaries.ts). The user must be allowed to create
 * databases and roles. Its template is replaced.
 */
const GIVEN_VARIABLE = 'LOADCAST_TEST_DATABASE_URL'

export async function startTestServer(): Promise<{ stop(): Promise<void> }> {
  await removeLeftovers()
  const folder = await mkdtemp(join(tmpdir(), PREFIX))
  await chmod(folder, 0o711) // As root, Postgres runs as another user, which must enter it.
  const given = process.env[GIVEN_VARIABLE]
  const server = given
    ? { connectionString: given, dataDir: join(folder, 'none'), async stop() {} }
    : await startEmbeddedPostgres({
        dataDir: folder,
        log: silentLog,
        settings: NO_FSYNC,
        binaries: await testBinaries(),
      })
  await makeTemplate(server.connectionString)
  // The workers inherit these.
  process.env[SERVER_VARIABLE] = server.connectionString
  process.env[FOLDER_VARIABLE] = folder
  return {
    async stop() {
      await server.stop()
      await endRedisServersIn(folder)
      await unmountDisksIn(folder)
      await rm(dirname(server.dataDir), { recursive: true, force: true })
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function makeTemplate(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  // An existing one was left by an earlier run on a given server.
  await client.query(`drop database if exists ${TEMPLATE}`)
  await client.query(`create database ${TEMPLATE}`)
  await client.end()
  const url = new URL(connectionString)
  url.pathname = `/${TEMPLATE}`
  await migrate(url.href, { log: silentLog })
}

/** Younger folders are left alone, because a run creates its folder just before it holds it. */
const LEFTOVER_AGE_MS = 10_000

async function removeLeftovers(): Promise<void> {
  const names = (await readdir(tmpdir())).filter(name => name.startsWith(PREFIX))
  for (const name of names) {
    const folder = join(tmpdir(), name)
    const found = await stat(folder).catch(() => undefined)
    if (found === undefined || Date.now() - found.mtimeMs < LEFTOVER_AGE_MS) continue
    const lock = await lockUnlessHeld(folder)
    if (lock === undefined) continue
    await endServersIn(folder)
    await endRedisServersIn(folder)
    await unmountDisksIn(folder)
    await rm(folder, { recursive: true, force: true })
    await lock.release()
  }
}

async function lockUnlessHeld(folder: string): Promise<Lock | undefined> {
  try {
    return await acquireLock(folder)
  } catch (error) {
    if (error instanceof EmbeddedPostgresHeldError) return undefined // The folder of a run in progress.
    throw error
  }
}

/** Ends the run's own server and those that its tests had started. */
async function endServersIn(folder: string): Promise<void> {
  for (const file of await findFiles(folder, 'postgres.json')) {
    const connection = await readConnection(dirname(file))
    const postmaster = connection && (await findPostmaster(connection.data))
    if (connection === undefined || postmaster === undefined) continue
    process.kill(postmaster.pid, 'SIGQUIT') // An immediate shutdown, because the data are deleted next.
    while (await findPostmaster(connection.data)) await delay(10)
  }
}
