/* A real PgBouncer in front of a test's database. Without the program, its tests are skipped and counted. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../../../src/adapters/postgres/embedded/port.js'
import { until } from '../engine/engine.js'
import { temporaryFolder } from '../processes/temporary-folder.js'
import { noteSkip } from '../redis/redis-server.js'

export interface PgBouncer {
  readonly connectionString: string
  /** Number of client connections that have ended. */
  ended(): number
  stop(): Promise<void>
}

/** Debian's folder for it is not in every user's PATH. */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin`

export const hasPgBouncer = spawnSync('pgbouncer', ['--version'], { env: { PATH } }).status === 0
if (!hasPgBouncer) await noteSkip('no pgbouncer: tests through a pooler are skipped')

export async function startPgBouncer(target: string, mode: 'session' | 'transaction'): Promise<PgBouncer> {
  const { hostname, port: serverPort, username, password, pathname } = new URL(target)
  const name = pathname.slice(1)
  const port = await freePort(undefined)
  const file = join(await temporaryFolder('pgbouncer'), 'pgbouncer.ini')
  const lines = [
    '[databases]',
    `${name} = host=${hostname} port=${serverPort} dbname=${name} user=${username} password=${decodeURIComponent(password)}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'auth_type = any',
    `pool_mode = ${mode}`,
    'max_client_conn = 200',
    'default_pool_size = 20',
    'ignore_startup_parameters = options,extra_float_digits',
    'unix_socket_dir =',
  ]
  await writeFile(file, lines.join('\n'))
  await chmod(file, 0o644)
  // It refuses to run as root.
  const asOther = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn('pgbouncer', [...asOther, file], { env: { PATH }, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', chunk => {
    log += chunk
  })
  const ended = once(child, 'exit')
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended:\n${log}`)
    return await isListening(port)
  })
  const url = new URL(target)
  url.port = String(port)
  return {
    connectionString: url.href,
    ended: () => log.split('closing because: client close request').length - 1,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const isThere = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return isThere
}
