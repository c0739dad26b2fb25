/*
 * The demo's own server: the built program as a child process, on a free port. Its Postgres is in a temporary folder,
 * which is deleted at the end.
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
  /** The environment in which a program finds the database. */
  readonly environment: Readonly<Record<string, string>>
  /** The server's log lines. Outside production these are warnings and errors. */
  readonly logLines: readonly string[]
  /** Rejects if the server ends before `stop`. */
  readonly failed: Promise<never>
  /** Stops the server, waits for its end and removes its data. Throws if it failed. */
  stop(): Promise<void>
}

/** Times so short that a whole request fits into a minute. */
const SHORT_LIFE = {
  BROADCAST_TIMEOUT_SECONDS: '12',
  REACH_STEP_SECONDS: '2',
  CANCEL_WINDOW_SECONDS: '5',
  DRAIN_SECONDS: '10',
}

/** Settings of the user's environment that must not reach the demo's server. Empty counts as not set. */
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
  await chmod(dataDir, 0o711) // If root runs this, Postgres runs as another user, which must enter the folder.
  const secret = randomBytes(48).toString('base64url')
  const environment = { ...UNSET, DATA_DIR: dataDir }
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', '--max-semi-space-size=64', 'dist/main.js'],
    {
      cwd: ROOT,
      env: { ...process.env, ...SHORT_LIFE, ...environment, PORT: '0', JWT_SECRET: secret },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C in a terminal reaches the whole process group. The server must end after the actors, and only once.
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
    // Keeps reading: a full pipe would block the server.
    createInterface(child.stdout).on('line', line => {
      const url = listening.exec(line)?.[1]
      if (url !== undefined) resolve(url)
    })
  })
}

/** The folder of Postgres, if it is outside of DATA_DIR. */
async function placeOf(dataDir: string): Promise<readonly string[]> {
  const connection = await readConnection(dataDir).catch(() => undefined)
  if (connection === undefined) return []
  const place = dirname(connection.data)
  return place.startsWith(dataDir) ? [] : [place]
}
