/*
 * Starts the server process and waits for it. It runs in a session of its own: Ctrl-C in a terminal reaches only our
 * process, which can still commit while it drains. The server outlives our process if that is killed, and the next start
 * takes it over.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../connection/log.js'
import { identity } from './account.js'
import type { Binaries } from './binaries.js'
import { wrongLibc } from './cluster.js'
import { EmbeddedPostgresError, explainedError } from './error.js'
import type { Place } from './place.js'
import { freePort } from './port.js'
import { findPostmaster, type Postmaster, pidFile, serverProcesses } from './postmaster.js'
import { openLog, textSince } from './server-log.js'
import { SERVER_ENVIRONMENT, serverArguments } from './server-settings.js'

/** How often the state that Postgres writes to a file is read. A start takes about 100 ms. */
const POLL_MS = 10
/** Recovery after a crash reads at most `max_wal_size` (1 GB) of log, which takes a minute on a slow disk. */
const READY_MS = 180_000
/** Orphans of a killed postmaster end within a second, but one in a long statement may take longer. */
const ORPHANS_MS = 20_000
/** Another process may take the port after we found it free and before Postgres binds it. */
const PORT_ATTEMPTS = 5

export interface ServerOptions {
  readonly place: Place
  readonly binaries: Binaries
  readonly settings: Readonly<Record<string, string>>
  readonly preferredPort: number | undefined
  readonly log: Log
}

/** Returns a ready server on the place's data: the one that an earlier process left running, or a new one. */
export async function ensureServer(options: ServerOptions): Promise<Postmaster> {
  const { place, log } = options
  const left = await settled(place)
  if (left !== undefined) {
    log.info(`Using the Postgres (process ${left.pid}) that an earlier start left running.`)
    return left
  }
  await removeStalePidFile(place)
  let port = await freePort(options.preferredPort)
  for (let attempt = 1; ; attempt++) {
    const started = await launch(options, port)
    if (started !== 'port taken') return started
    if (attempt === PORT_ATTEMPTS)
      throw new EmbeddedPostgresError('No port on 127.0.0.1 stayed free for Postgres.')
    port = await freePort(undefined)
  }
}

/** Waits while an existing server starts or stops. Resolves with undefined when there is none. */
async function settled(place: Place): Promise<Postmaster | undefined> {
  for (const deadline = Date.now() + READY_MS; Date.now() < deadline; await delay(POLL_MS)) {
    const found = await findPostmaster(place.data)
    if (found === undefined || found.status === 'ready') return found
  }
  throw new EmbeddedPostgresError(`The Postgres that runs on ${place.data} neither became ready nor ended.`)
}

/**
 * Postgres refuses to start while the process named in its file is alive, even if that is a zombie or another program by
 * then. On Linux we know more: if no process uses the data folder, the file is stale.
 */
async function removeStalePidFile(place: Place): Promise<void> {
  if (process.platform !== 'linux') return
  const deadline = Date.now() + ORPHANS_MS
  for (let left = serverProcesses(place.data); left.length > 0; left = serverProcesses(place.data)) {
    if (Date.now() > deadline) {
      throw new EmbeddedPostgresError(
        `Processes ${left.join(', ')} of a killed Postgres still use ${place.data}. End them, then start again.`,
      )
    }
    await delay(POLL_MS)
  }
  await rm(pidFile(place.data), { force: true })
}

async function launch(options: ServerOptions, port: number): Promise<Postmaster | 'port taken'> {
  const { place, binaries, settings, log } = options
  const output = await openLog(place)
  try {
    const { size } = await output.stat()
    const child = spawn(
      join(binaries.folder, 'bin', 'postgres'),
      ['-D', place.data, '-p', String(port), ...serverArguments(settings)],
      {
        cwd: place.folder,
        env: { ...SERVER_ENVIRONMENT },
        detached: true,
        stdio: ['ignore', 'ignore', output.fd],
        ...identity(place.account),
      },
    )
    const ended = new Promise<string>(resolve => {
      child.once('error', error => resolve(`${error}`))
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
    })
    child.unref()
    const ready = await untilReady(child, place, ended, log)
    if (ready !== undefined) return ready
    const text = await textSince(output, size)
    if (/could not bind|could not create any TCP\/IP sockets/.test(text)) return 'port taken'
    const reason = await ended
    if (reason.includes('ENOENT')) throw wrongLibc(reason)
    throw explainedError(`Postgres did not start on ${place.data} (${reason})`, text)
  } finally {
    await output.close()
  }
}

/** Resolves with undefined if the process ended instead. */
async function untilReady(
  child: ChildProcess,
  place: Place,
  ended: Promise<string>,
  log: Log,
): Promise<Postmaster | undefined> {
  let isOver = false
  ended.then(() => {
    isOver = true
  })
  const start = Date.now()
  let nextNotice = start + 3_000
  for (; !isOver; await delay(POLL_MS)) {
    const found = await findPostmaster(place.data)
    if (found?.status === 'ready' && found.pid === child.pid) return found
    if (Date.now() > start + READY_MS) {
      child.kill('SIGQUIT')
      throw new EmbeddedPostgresError(
        `Postgres was not ready after ${READY_MS / 1000} s: see ${place.logFile}.`,
      )
    }
    if (Date.now() > nextNotice) {
      log.info(`Postgres is recovering; its log is ${place.logFile}.`)
      nextNotice += 10_000
    }
  }
  return undefined
}
