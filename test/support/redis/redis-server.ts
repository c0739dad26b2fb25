/*
 * Real Redis servers for tests. The program is taken from PATH, or from Debian's package if it may be installed. Otherwise
 * the tests that need it are skipped, and the last line of the run says so. A server has a folder of the test run and a free
 * port, and stores nothing on disk unless a test asks for it. If a run is killed, its servers stay, and the next run ends
 * them (endRedisServersIn).
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { appendFile, mkdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Redis, type RedisOptions } from 'ioredis'
import { freePort } from '../../../src/adapters/postgres/embedded/port.js'
import { findFiles } from '../processes/find-files.js'
import { FOLDER_VARIABLE, temporaryFolder } from '../processes/temporary-folder.js'

const run = promisify(execFile)
const PROGRAM = 'redis-server'
const PID_FILE = 'redis-server.pid'
/** A file in the run's folder with the reasons why tests were skipped, one a line. The summary reads it. */
export const SKIPS_FILE = 'skip-reasons'

export interface RedisServer {
  /** The URL, which stays the same after a restart. */
  readonly url: string
  readonly port: number
  /** Ends the process at once, as a power cut does. */
  kill(): Promise<void>
  /** Starts the server again on the same port. It is empty unless it was configured to keep its data. */
  start(): Promise<void>
  /** Stops answering without closing connections, until `thaw`. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

export interface RedisServerOptions {
  /** Lines of redis.conf, which override everything but the port. */
  readonly config?: readonly string[]
  /** Serves TLS only, with these files (PEM). The URL is then rediss://localhost. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile: string }
  /** Runs the program as a sentinel. `config` names the master to watch. */
  readonly isSentinel?: boolean
}

/** The path of redis-server, or the reason why there is none. */
export const findRedis = () => findProgram(PROGRAM)

/** The path of a program, or why there is none. Installs the Debian package of that name if necessary and allowed. */
export async function findProgram(name: string): Promise<{ program: string } | { missing: string }> {
  const found = programInPath(name)
  if (found !== undefined) return { program: found }
  const reason = await alone(`install-${name}`, async () => {
    if (programInPath(name) !== undefined) return undefined // Another test file has installed it.
    return await installPackage(name)
  })
  const program = programInPath(name)
  return program === undefined ? { missing: reason ?? 'it could not be installed' } : { program }
}

/** Records why tests are skipped, for the last line of the run. */
export async function noteSkip(reason: string): Promise<void> {
  const folder = process.env[FOLDER_VARIABLE]
  if (folder !== undefined) await appendFile(join(folder, SKIPS_FILE), `${reason}\n`)
}

export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const { config = [], tls, isSentinel = false } = options
  const found = await findRedis()
  if ('missing' in found) throw new Error(`No redis-server: ${found.missing}`)
  const folder = await temporaryFolder('redis')
  const port = await freePort(undefined)
  const lines = [
    'bind 127.0.0.1',
    `dir ${folder}`,
    ...(isSentinel ? [] : ['save ""', 'appendonly no']),
    // Tests use keys of any slot. Without protected mode the server is still reachable from this machine only.
    'protected-mode no',
    ...(tls === undefined
      ? [`port ${port}`]
      : [
          'port 0',
          `tls-port ${port}`,
          `tls-cert-file ${tls.certFile}`,
          `tls-key-file ${tls.keyFile}`,
          `tls-ca-cert-file ${tls.caFile}`,
          'tls-auth-clients no',
        ]),
    ...config,
  ]
  await writeFile(join(folder, 'redis.conf'), `${lines.join('\n')}\n`)
  const url = tls === undefined ? `redis://127.0.0.1:${port}` : `rediss://localhost:${port}`
  const clientOptions = tls === undefined ? {} : { tls: { ca: await readFile(tls.caFile) } }
  let child: ChildProcess | undefined

  async function start() {
    const args = isSentinel ? ['--sentinel'] : []
    child = await launch(found as { program: string }, { folder, args }, url, clientOptions)
  }
  async function kill() {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  await start()
  return {
    url,
    port,
    kill,
    start,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async stop() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function launch(
  { program }: { program: string },
  { folder, args }: { folder: string; args: readonly string[] },
  url: string,
  options: RedisOptions,
): Promise<ChildProcess> {
  const child = spawn(program, [join(folder, 'redis.conf'), ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout?.on('data', chunk => {
    said = `${said}${chunk}`.slice(-4_000)
  })
  const ended = once(child, 'exit').then(() => {
    throw new Error(`redis-server ended at its start:\n${said}`)
  })
  ended.catch(() => {}) // After the start, nothing awaits it.
  await writeFile(join(folder, PID_FILE), String(child.pid))
  await Promise.race([answering(url, options), ended])
  return child
}

/** Sends one command over a connection of its own. */
export async function askRedis<T>(
  { url }: Pick<RedisServer, 'url'>,
  command: string,
  args: readonly (string | number)[] = [],
  tls?: RedisServerOptions['tls'],
): Promise<T> {
  const secure = tls === undefined ? {} : { tls: { ca: await readFile(tls.caFile) } }
  const client = new Redis(url, { ...secure, retryStrategy: () => null, enableReadyCheck: false })
  client.on('error', () => {}) // The command fails with the same error.
  try {
    return (await client.call(command, ...args)) as T
  } finally {
    client.disconnect()
  }
}

async function answering(url: string, options: RedisOptions): Promise<void> {
  const redis = new Redis(url, { ...options, retryStrategy: () => 10, maxRetriesPerRequest: null })
  redis.on('error', () => {}) // The server is not up yet.
  try {
    await redis.ping()
  } finally {
    redis.disconnect()
  }
}

/** Ends the servers that run in this folder of a test run, whichever process started them. */
export async function endRedisServersIn(folder: string): Promise<void> {
  for (const file of await findFiles(folder, PID_FILE)) {
    const pid = Number(await readFile(file, 'utf8'))
    while (await isServerIn(pid, folder)) {
      process.kill(pid, 'SIGKILL')
      await delay(10)
    }
  }
}

/** The pid may belong to another process by now, so the name must match and, on Linux, the folder too. */
async function isServerIn(pid: number, folder: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 1) return false
  try {
    const { stdout } = await run('ps', ['-p', String(pid), '-o', 'stat=,comm='])
    if (!stdout.includes(PROGRAM) || /^\s*Z/.test(stdout)) return false
    if (process.platform !== 'linux') return true
    return (await readlink(`/proc/${pid}/cwd`)).startsWith(folder)
  } catch {
    return false // The process has ended.
  }
}

function programInPath(name: string): string | undefined {
  // Debian keeps servers outside of an ordinary user's PATH.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return folders.map(folder => join(folder, name)).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Returns the reason if the package could not be installed. */
async function installPackage(name: string): Promise<string | undefined> {
  if (process.platform !== 'linux' || !isExecutable('/usr/bin/apt-get')) {
    return 'it is not in PATH, and this is no Debian to install it on'
  }
  if (process.getuid?.() !== 0) return 'it is not in PATH, and only root may install the package'
  const apt = (...args: string[]) =>
    run('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=120', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
  const install = () => apt('install', '--no-install-recommends', name)
  try {
    await install().catch(async () => {
      await apt('update')
      await install()
    })
    return undefined
  } catch (error) {
    const lines = String((error as { stderr?: string }).stderr ?? error)
      .trim()
      .split('\n')
    return `the package could not be installed (${lines.at(-1)})`
  }
}

/** Runs `work` in one test file at a time. The lock of a killed one is deleted with the run's folder. */
async function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  const folder = process.env[FOLDER_VARIABLE]
  if (folder === undefined) return await work()
  const lock = join(folder, `${name}.lock`)
  while (!(await mkdir(lock).then(() => true, isNotTaken))) await delay(50)
  try {
    return await work()
  } finally {
    await rm(lock, { recursive: true })
  }
}

function isNotTaken(error: NodeJS.ErrnoException): false {
  if (error.code === 'EEXIST') return false
  throw error
}
