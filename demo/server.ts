/*
 * A server of the demo's own: the built program as a child process, on any free port, with a Postgres of its own in
 * a folder that was not there before and is not there afterwards.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { readConnection } from '../src/adapters/postgres/embedded/connection-file.js'

export interface DemoServer {
  readonly url: string
  readonly secret: string
  /** What a program needs in its environment to find the database. */
  readonly environment: Readonly<Record<string, string>>
  /** What the server logged; outside production that is warnings and worse, a line each. */
  readonly logLines: readonly string[]
  /** Rejects if the server ends before it was asked to. */
  readonly failed: Promise<never>
  /** Drains it, waits for its end and removes its data. Throws if it did not end well. */
  stop(): Promise<void>
}

/** Everything that a request can go through fits into a minute. */
const SHORT_LIFE = {
  BROADCAST_TIMEOUT_SECONDS: '12',
  REACH_STEP_SECONDS: '2',
  CANCEL_WINDOW_SECONDS: '5',
  DRAIN_SECONDS: '10',
}

/** Settings of the one who starts the demo that do not hold for its server. Empty counts as not set. */
const UNSET = {
  NODE_ENV: '',
  DATABASE_URL: '',
  HOST: '',
  JWT_SECRET_PREVIOUS: '',
  JWT_REFRESH_SECRET: '',
  LOG_LEVEL: '',
  REACH_STEPS_KM: '',
  TRANSPORTER_TTL_SECONDS: '',
  DRIVER_TTL_SECONDS: '',
  ACCESS_TOKEN_MAX_SECONDS: '',
  REDIS_URL: '',
  REDIS_MODE: '',
  SOCKET_ADAPTER: '',
  ROLE: '',
  SECRETS_ARN: '',
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const listening = /listens on (http\S+)/

type Child = ChildProcessByStdio<null, Readable, Readable>

export async function startServer(): Promise<DemoServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'loadcast-demo-'))
  await chmod(dataDir, 0o711) // as root, Postgres runs as another user, who must enter it
  const secret = randomBytes(48).toString('base64url')
  const environment = { ...UNSET, DATA_DIR: dataDir }
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', '--max-semi-space-size=64', 'dist/main.js'],
    {
      cwd: ROOT,
      env: { ...process.env, ...SHORT_LIFE, ...environment, PORT: '0', JWT_SECRET: secret },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C in a terminal reaches the whole group; the server is to end after the actors, and only once.
      detached: true,
    },
  )
  const endWithUs = () => child.kill('SIGTERM')
  process.once('exit', endWithUs)

  const logLines: string[] = []
  createInterface(child.stderr).on('line', line => logLines.push(line))
  const ended = once(child, 'exit').then(([code, signal]: (number | string | null)[]) => code ?? signal)
  let isAsked = false
  const failed = ended.then(async code => {
    if (isAsked) return await new Promise<never>(() => {})
    throw new Error(`The server ended by itself (${code}):\n${logLines.join('\n')}`)
  })
  failed.catch(() => {})

  async function stop(): Promise<void> {
    isAsked = true
    const outside = await placeOf(dataDir)
    child.kill('SIGTERM')
    const code = await ended
    process.off('exit', endWithUs)
    for (const folder of [dataDir, ...outside]) await rm(folder, { recursive: true, force: true })
    if (code !== 0) throw new Error(`The server did not end well (${code}):\n${logLines.join('\n')}`)
  }

  try {
    const url = await Promise.race([readUrl(child), failed])
    return { url, secret, environment, logLines, failed, stop }
  } catch (error) {
    await stop().catch(() => {})
    throw error
  }
}

function readUrl(child: Child): Promise<string> {
  return new Promise(resolve => {
    // Goes on reading: a pipe that nobody empties stops who writes to it.
    createInterface(child.stdout).on('line', line => {
      const url = listening.exec(line)?.[1]
      if (url !== undefined) resolve(url)
    })
  })
}

/** The folder of Postgres, if it does not lie in DATA_DIR. */
async function placeOf(dataDir: string): Promise<readonly string[]> {
  const connection = await readConnection(dataDir).catch(() => undefined)
  if (connection === undefined) return []
  const place = dirname(connection.data)
  return place.startsWith(dataDir) ? [] : [place]
}
