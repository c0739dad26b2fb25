/* A real nginx in front of processes on fixed ports. Where there is none, the tests that need it are skipped and counted. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe } from '@jest/globals'
import { freePort } from '../../../src/adapters/postgres/embedded/port.js'
import { until } from '../engine/engine.js'
import { repositoryRoot } from '../house/import-rules.js'
import { temporaryFolder } from '../processes/temporary-folder.js'
import { noteSkip } from '../redis/redis-server.js'

/** Debian keeps it outside an ordinary user's PATH. */
const PROGRAMS = ['nginx', '/usr/sbin/nginx', '/usr/local/sbin/nginx']

export async function nginxForTests(): Promise<{
  readonly describeWithNginx: typeof describe | typeof describe.skip
}> {
  if ((await findNginx()) !== undefined) return { describeWithNginx: describe }
  await noteSkip(`no nginx: none of ${PROGRAMS.join(', ')} could be run`)
  return { describeWithNginx: describe.skip }
}

async function findNginx(): Promise<string | undefined> {
  for (const program of PROGRAMS) {
    const works = await promisify(execFile)(program, ['-v']).then(
      () => true,
      () => false,
    )
    if (works) return program
  }
  return undefined
}

export interface Nginx {
  readonly url: string
  /** Its error log. */
  errors(): Promise<string>
  stop(): Promise<void>
}

/** `deploy/nginx.conf` as shipped, except for addresses and the paths of nginx's files. */
export async function shippedConfiguration(ports: readonly number[]): Promise<string> {
  let text = await readFile(join(repositoryRoot, 'deploy/nginx.conf'), 'utf8')
  for (const [i, port] of ports.entries()) {
    const name = `api-${i + 1}:3000`
    if (!text.includes(name)) throw new Error(`deploy/nginx.conf does not name ${name}`)
    text = text.replace(name, `127.0.0.1:${port}`)
  }
  return text
}

/** A common configuration: kept connections, round robin, no forwarded address. */
export const plainConfiguration = (ports: readonly number[]): string => `
events {}
http {
  upstream api {
    ${ports.map(port => `server 127.0.0.1:${port} max_fails=0;`).join('\n    ')}
    keepalive 16;
  }
  server {
    listen 8080;
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`

export async function startNginx(configuration: string): Promise<Nginx> {
  const program = await findNginx()
  if (program === undefined) throw new Error('No nginx')
  const folder = await temporaryFolder('nginx')
  const port = await freePort(undefined)
  const log = join(folder, 'error.log')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map(kind => `${kind}_temp_path ${join(folder, kind)};`)
    .join('\n')
  const text = configuration
    .replace('events {}', `pid ${join(folder, 'nginx.pid')};\nerror_log ${log} info;\nevents {}`)
    .replace('http {', `http {\naccess_log off;\n${temporary}`)
    .replace('listen 8080', `listen 127.0.0.1:${port}`)
  const file = join(folder, 'nginx.conf')
  await writeFile(file, text)
  const child = spawn(program, ['-p', folder, '-e', log, '-c', file, '-g', 'daemon off;'], {
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  const errors = () => readFile(log, 'utf8').catch(() => '')
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${await errors()}`)
    return await fetch(url).then(
      () => true,
      () => false,
    )
  })
  return {
    url,
    errors,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
