/*
 * A real PgBouncer in front of a test database. The program is taken from PATH or from Debian's package. Without it, the
 * tests that need it are skipped, and the summary says so.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe } from '@jest/globals'
import pg from 'pg'
import { freePort } from '../../../src/adapters/postgres/embedded/port.js'
import { until } from '../engine/engine.js'
import { temporaryFolder } from '../processes/temporary-folder.js'
import { findProgram, noteSkip } from '../redis/redis-server.js'

export interface PgbouncerOptions {
  readonly poolMode?: 'session' | 'transaction'
  /** Lines of the section `[pgbouncer]`, which replace ours. */
  readonly config?: readonly string[]
}

export interface Pgbouncer {
  /** The database of `target` through PgBouncer. */
  readonly connectionString: string
  /** A version such as `1.18.0`. */
  readonly version: string
  /** Its log so far. */
  output(): string
  stop(): Promise<void>
}

/** Returns `describe`, or `describe.skip` if PgBouncer is not available. */
export async function describeWithPgbouncer(): Promise<typeof describe | typeof describe.skip> {
  const found = await findProgram('pgbouncer')
  if ('program' in found) return describe
  await noteSkip(`tests with PgBouncer: ${found.missing}`)
  return describe.skip
}

/** Starts PgBouncer in front of the server of `target`. It logs in there as the user of `target` for every client. */
export async function startPgbouncer(target: string, options: PgbouncerOptions = {}): Promise<Pgbouncer> {
  const found = await findProgram('pgbouncer')
  if ('missing' in found) throw new Error(`No pgbouncer: ${found.missing}`)
  const { hostname, port: serverPort, username, password } = new URL(target)
  const folder = await temporaryFolder('pgbouncer')
  await chmod(folder, 0o755)
  const port = await freePort(undefined)
  const file = join(folder, 'pgbouncer.ini')
  const lines = [
    '[databases]',
    `* = host=${hostname} port=${serverPort} user=${username} password=${decodeURIComponent(password)}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    `pool_mode = ${options.poolMode ?? 'session'}`,
    'default_pool_size = 100',
    'max_client_conn = 500',
    'ignore_startup_parameters = options',
    // As root, PgBouncer needs a user to run as.
    ...(process.getuid?.() === 0 ? ['user = nobody'] : []),
    ...(options.config ?? []),
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
  await chmod(file, 0o644)
  const child = spawn(found.program, [file], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += chunk))
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  const stop = async () => {
    await end(child)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await until(() => answers(url.href, child, () => text))
  } catch (error) {
    await stop()
    throw error
  }
  const version = /PgBouncer ([\d.]+)/.exec(execFileSync(found.program, ['--version'], { encoding: 'utf8' }))
  return { connectionString: url.href, version: version?.[1] ?? 'unknown', output: () => text, stop }
}

async function answers(
  connectionString: string,
  child: ChildProcess,
  output: () => string,
): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`PgBouncer ended at its start:\n${output()}`)
  const client = new pg.Client({ connectionString })
  client.on('error', () => {}) // The call in progress fails with the same error.
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
