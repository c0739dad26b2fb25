/*
 * A Postgres for one test, which can stop, kill and restart it on the same port and data. It uses the embedded binaries and,
 * for root, runs as another user, like the program's own server. If the run is killed, the server stays; the next run finds
 * it by its connection file and ends it (test-server.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { chooseAccount, identity } from '../../../src/adapters/postgres/embedded/account.js'
import { type Binaries, resolveBinaries } from '../../../src/adapters/postgres/embedded/binaries.js'
import {
  DATABASE,
  ensureCluster,
  readPassword,
  USER,
} from '../../../src/adapters/postgres/embedded/cluster.js'
import { writeConnection } from '../../../src/adapters/postgres/embedded/connection-file.js'
import { choosePlace, type Place } from '../../../src/adapters/postgres/embedded/place.js'
import { freePort } from '../../../src/adapters/postgres/embedded/port.js'
import {
  findPostmaster,
  pidFile,
  serverProcesses,
} from '../../../src/adapters/postgres/embedded/postmaster.js'
import { serverArguments } from '../../../src/adapters/postgres/embedded/server-settings.js'
import { reachableBinaries } from '../../../src/adapters/postgres/embedded/shared-binaries.js'
import { SYSTEM_FOLDER } from '../../../src/adapters/postgres/embedded/system-folder.js'
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import { NO_FSYNC } from '../database/no-fsync.js'
import { until } from '../engine/engine.js'
import { silentLog } from '../engine/log.js'
import { temporaryFolder } from '../processes/temporary-folder.js'
import { type Query, runOnce } from './run-once.js'

export interface PostgresServer {
  readonly place: Place
  readonly port: number
  readonly password: string
  /** The program's database, without anything in between. */
  readonly connectionString: string
  /** Each query uses a new connection, so it works right after a restart. */
  readonly query: Query
  start(): Promise<void>
  /** SIGINT: fast shutdown. SIGKILL: every process of the server at once, as when its machine dies. */
  end(signal: 'SIGINT' | 'SIGKILL'): Promise<void>
}

/** Covers the replay of some seconds of log on a busy machine. */
const START_TIMEOUT_MS = 60_000

export interface PostgresOptions {
  readonly settings?: Readonly<Record<string, string>>
  /** For unusual disks. Called before the data are created, and before the server starts on them. */
  readonly beforeData?: (place: Place) => Promise<void>
  readonly beforeStart?: (place: Place) => Promise<void>
}

/** Starts a server with a migrated, empty database. */
export async function startPostgres({
  settings = {},
  beforeData,
  beforeStart,
}: PostgresOptions = {}): Promise<PostgresServer> {
  const { place, binaries } = await findPlace()
  await beforeData?.(place)
  await ensureCluster(place, binaries)
  await beforeStart?.(place)
  const server = await createServer(place, binaries, settings)
  await server.start()
  await runOnce(addressOf(server, 'postgres'))(`create database ${DATABASE}`)
  await migrate(server.connectionString, { log: silentLog })
  return server
}

export async function findPlace(): Promise<{ readonly place: Place; readonly binaries: Binaries }> {
  const account = await chooseAccount()
  const binaries = await reachableBinaries(await resolveBinaries(), account, SYSTEM_FOLDER)
  const place = await choosePlace(await temporaryFolder('weather'), account, SYSTEM_FOLDER)
  return { place, binaries }
}

/** Creates a server for existing data, without starting it. */
export async function createServer(
  place: Place,
  binaries: Binaries,
  settings: Readonly<Record<string, string>>,
): Promise<PostgresServer> {
  const port = await freePort(undefined)
  const password = await readPassword(place)
  const connectionString = addressOf({ port, password }, DATABASE)
  const serverSettings = { ...NO_FSYNC, ...settings }
  return {
    place,
    port,
    password,
    connectionString,
    query: runOnce(connectionString),
    async start() {
      await until(() => serverProcesses(place.data).length === 0, START_TIMEOUT_MS)
      await rm(pidFile(place.data), { force: true })
      const pid = await launch(place, binaries, port, serverSettings)
      await writeConnection(place.folder, { connectionString, pid, port, data: place.data })
    },
    async end(signal) {
      const postmaster = await findPostmaster(place.data)
      const pids = signal === 'SIGKILL' ? serverProcesses(place.data) : []
      for (const pid of [...(postmaster === undefined ? [] : [postmaster.pid]), ...pids]) kill(pid, signal)
      await until(() => serverProcesses(place.data).length === 0, START_TIMEOUT_MS)
    },
  }
}

const addressOf = ({ port, password }: Pick<PostgresServer, 'port' | 'password'>, database: string) =>
  `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`

async function launch(
  place: Place,
  { folder }: Binaries,
  port: number,
  settings: Readonly<Record<string, string>>,
): Promise<number> {
  const log = await open(place.logFile, 'a')
  const child = spawn(
    join(folder, 'bin', 'postgres'),
    ['-D', place.data, '-p', String(port), ...serverArguments(settings)],
    {
      cwd: place.folder,
      env: {},
      detached: true,
      stdio: ['ignore', 'ignore', log.fd],
      ...identity(place.account),
    },
  )
  child.unref()
  await log.close()
  await ready(child, place)
  return child.pid ?? 0
}

async function ready(child: ChildProcess, place: Place): Promise<void> {
  await until(async () => {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(
        `Postgres ended at its start:\n${(await readFile(place.logFile, 'utf8')).slice(-4_000)}`,
      )
    }
    const status = (await findPostmaster(place.data))?.status
    return status === 'ready' || status === 'standby'
  }, START_TIMEOUT_MS)
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // The process has ended in the meantime.
  }
}
