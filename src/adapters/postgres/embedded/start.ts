import { chmod, mkdir, realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createDatabase } from '../connection/database.js'
import type { Log } from '../connection/log.js'
import { chooseAccount } from './account.js'
import { type Binaries, resolveBinaries } from './binaries.js'
import { DATABASE, ensureCluster, readPassword, USER } from './cluster.js'
import { readConnection, writeConnection } from './connection-file.js'
import { EmbeddedPostgresError, explainedError } from './error.js'
import { acquireLock } from './lock.js'
import { choosePlace, type Place } from './place.js'
import type { Postmaster } from './postmaster.js'
import { ensureServer } from './server.js'
import { reachableBinaries } from './shared-binaries.js'
import { stopServer } from './stop-server.js'
import { isSystemError } from './system-error.js'
import { SYSTEM_FOLDER } from './system-folder.js'

export interface EmbeddedPostgresOptions {
  /** The folder for the data. It is created if it does not exist. */
  readonly dataDir: string
  readonly log: Log
  /** Settings of Postgres that replace ours. Tests turn `fsync` off. */
  readonly settings?: Readonly<Record<string, string>>
  /** Where root stores what Postgres cannot reach in its usual place. Tests use a folder of their own. */
  readonly systemFolder?: string
  /** The Postgres to run, if not that of the npm package. */
  readonly binaries?: Binaries
}

export interface EmbeddedPostgres {
  /** A URL for 127.0.0.1 with user, password, port and database. */
  readonly connectionString: string
  /** The data folder of Postgres itself, which may be outside of DATA_DIR. */
  readonly dataDir: string
  /** Stops the server and releases DATA_DIR. It is a fast shutdown: sessions are closed, nothing committed is lost. */
  stop(): Promise<void>
}

/**
 * Starts Postgres on `dataDir`, or takes over the one that a killed process left running. Holds `dataDir` until `stop()`
 * or the end of this process. Throws an `EmbeddedPostgresHeldError` if another live process holds it, and an
 * `EmbeddedPostgresError` with a sentence for the operator in all other cases.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log } = options
  const dataDir = await makeDataDir(options.dataDir)
  const lock = await acquireLock(dataDir)
  try {
    const systemFolder = options.systemFolder ?? SYSTEM_FOLDER
    const found = options.binaries ?? (await resolveBinaries())
    const place = await choosePlace(dataDir, await chooseAccount(), systemFolder)
    const binaries = await reachableBinaries(found, place.account, systemFolder)
    announce(place, dataDir, log)
    if ((await ensureCluster(place, binaries)) === 'made')
      log.info(`Created a Postgres database in ${place.folder}.`)
    const preferredPort = (await readConnection(dataDir).catch(() => undefined))?.port
    const server = await ensureServer({
      place,
      binaries,
      settings: options.settings ?? {},
      preferredPort,
      log,
    })
    const connectionString = await openDatabase(place, server)
    await writeConnection(dataDir, { connectionString, pid: server.pid, port: server.port, data: place.data })
    const stop = once(async () => {
      await stopServer(place, server.pid, log)
      await lock.release()
    })
    return { connectionString, dataDir: place.data, stop }
  } catch (error) {
    await lock.release()
    throw isSystemError(error)
      ? explainedError(`Postgres cannot start on ${dataDir}`, error.message, error)
      : error
  }
}

async function makeDataDir(dataDir: string): Promise<string> {
  try {
    const isNew = (await mkdir(dataDir, { recursive: true })) !== undefined
    // Under a strict umask, the user that runs Postgres could not enter a new folder of root.
    if (isNew && process.getuid?.() === 0) await chmod(dataDir, 0o711)
    return await realpath(dataDir)
  } catch (error) {
    throw explainedError(`DATA_DIR ${resolve(dataDir)} cannot be made`, `${error}`, error)
  }
}

function announce(place: Place, dataDir: string, log: Log): void {
  if (place.folder.startsWith(`${dataDir}/`)) return
  log.info(
    `Postgres data are in ${place.folder}, because Postgres runs as ${place.account?.name}, and this user may not enter ${dataDir}.`,
  )
}

/** The server has just reported that it is ready, but on a busy machine a login is slow. */
const CONNECT_TIMEOUT_MS = 30_000

/** Creates the program's database if it does not exist. A successful login shows that the server is really ours. */
async function openDatabase(place: Place, { port }: Postmaster): Promise<string> {
  const base = `postgres://${USER}:${await readPassword(place)}@127.0.0.1:${port}`
  const server = createDatabase(`${base}/postgres`)
  try {
    const client = await server.connect({ connectionTimeoutMillis: CONNECT_TIMEOUT_MS, mayBeReadOnly: true })
    try {
      const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE])
      if (rowCount === 0) await client.query(`create database ${DATABASE}`)
    } finally {
      await client.end()
    }
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `Could not log in to the Postgres on port ${port}, which should be the one of ${place.data}: ${cause}`,
      { cause },
    )
  }
  return `${base}/${DATABASE}`
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= action()
    return done
  }
}
