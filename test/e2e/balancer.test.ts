import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { io } from 'socket.io-client'
import { freePort } from '../../src/adapters/postgres/embedded/port.js'
import { createClient as createApp } from '../../src/client/index.js'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { until } from '../support/engine/engine.js'
import { repositoryRoot } from '../support/house/import-rules.js'
import { startRoughNetwork } from '../support/network/rough-network.js'
import { temporaryFolder } from '../support/processes/temporary-folder.js'
import { type RedisServer, redisForTests, startRedisServer } from '../support/redis/redis.js'
import { noteSkip } from '../support/redis/redis-server.js'
import { call, createClient } from '../support/server/clients.js'
import { asking } from '../support/server/fleet.js'
import { processEnvironment } from '../support/server/server.js'
import { type ServerProcess, startServerProcess } from '../support/server/server-process.js'
import { tokenFor } from '../support/server/tokens.js'

/* Two real processes behind a balancer without stickiness: every socket connects and receives every event. */

const CLIENTS = 10
const { describeWithRedis } = await redisForTests()
const nginx = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  .map(folder => join(folder, 'nginx'))
  .find(isExecutable)
if (nginx === undefined) await noteSkip('no nginx')

interface Balancer {
  readonly url: string
  close(): Promise<void>
}

describeWithRedis('two processes behind a balancer without stickiness', () => {
  let redis: RedisServer
  let database: TestDatabase
  let processes: readonly ServerProcess[] = []

  beforeAll(async () => {
    redis = await startRedisServer()
    database = await createTestDatabase()
    const env = { ...processEnvironment, DATABASE_URL: database.connectionString, REDIS_URL: redis.url }
    processes = await Promise.all([startServerProcess(env), startServerProcess(env)])
  })
  afterAll(async () => {
    await Promise.all(processes.map(process => process.end('SIGINT')))
    await database?.drop()
    await redis?.stop()
  })

  const balancers: [name: string, start: () => Promise<Balancer>, isThere: boolean][] = [
    ['round robin', () => startRoughNetwork(processes.map(({ url }) => url)), true],
    ['nginx, with the configuration that we deploy', () => startNginx(processes), nginx !== undefined],
  ]

  for (const [name, start, isThere] of balancers) {
    describe(name, () => {
      let balancer: Balancer
      beforeAll(async () => {
        if (isThere) balancer = await start()
      })
      afterAll(() => balancer?.close())
      const testHere = isThere ? test : test.skip

      testHere(
        `R7.1 ${CLIENTS} of ${CLIENTS} clients connect, to both processes, and receive events`,
        async () => {
          const before = await connectionsOf(processes)
          const customer = await createClient(balancer.url, 'customer', name.replaceAll(/\W/g, '_'))
          const heard: string[] = []
          const apps = Array.from({ length: CLIENTS }, (_, i) => {
            const app = createApp({ url: balancer.url, token: customer.token })
            app.on('booking_updated', ({ data }) => void heard.push(`${i} ${data.status}`))
            return app
          })
          try {
            expect(await Promise.all(apps.map(app => app.connect()))).toEqual(apps.map(() => ({ ok: true })))
            const after = await connectionsOf(processes)
            for (const [i, count] of after.entries()) expect(count).toBeGreaterThan(before[i] ?? 0)
            const { body } = await customer.post('/api/v1/broadcasts', asking(1))
            await until(() => new Set(heard).size === CLIENTS, 20_000)
            await customer.post(`/api/v1/broadcasts/${body.id}/events`, { type: 'cancel' })
            await until(() => heard.filter(text => text.endsWith('cancelled')).length === CLIENTS, 20_000)
          } finally {
            for (const app of apps) app.close()
          }
        },
      )

      testHere('R7.1 long polling is always refused at once, with the setting to change', async () => {
        for (let i = 0; i < CLIENTS; i++) {
          const answer = await call(balancer.url, 'GET', '/socket.io/?EIO=4&transport=polling')
          expect(answer).toMatchObject({
            status: 400,
            body: { code: 'VALIDATION_FAILED', detail: expect.stringContaining("transports: ['websocket']") },
          })
        }
        // It is the default of a Socket.IO client.
        const auth = { token: await tokenFor('customer', 'c1') }
        const socket = io(balancer.url, { auth, forceNew: true, reconnection: false })
        const error = await new Promise<Error>(resolve => socket.once('connect_error', resolve))
        expect(JSON.stringify(error)).toContain('400')
        socket.close()
      })
    })
  }
})

/** Connected sockets of each process. */
async function connectionsOf(processes: readonly ServerProcess[]): Promise<number[]> {
  const pages = await Promise.all(processes.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()))
  return pages.map(page => Number(/^loadcast_sockets\S* (\d+)/m.exec(page)?.[1]))
}

/** deploy/nginx.conf, except for the addresses of the processes and settings that need a container. */
async function startNginx(processes: readonly ServerProcess[]): Promise<Balancer> {
  const folder = await temporaryFolder('nginx')
  const port = await freePort(undefined)
  let conf = readFileSync(join(repositoryRoot, 'deploy/nginx.conf'), 'utf8')
  for (const [i, { url }] of processes.entries()) {
    expect(conf).toContain(`api-${i + 1}:3000`)
    conf = conf.replace(`api-${i + 1}:3000`, new URL(url).host.replace('localhost', '127.0.0.1'))
  }
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const own = ['access_log off;', ...kinds.map(kind => `${kind}_temp_path ${join(folder, kind)};`)]
  conf = conf
    .replace('http {', `http {\n${own.join('\n')}`)
    .replace('listen 8080', `listen 127.0.0.1:${port}`)
  await writeFile(join(folder, 'nginx.conf'), conf)
  const directives = `daemon off; master_process off; pid ${join(folder, 'pid')}; error_log stderr;`
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr', '-g', directives]
  const child: ChildProcess = spawn(nginx ?? '', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr?.on('data', chunk => {
    said += chunk
  })
  const url = `http://127.0.0.1:${port}`
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended:\n${said}`)
    return await fetch(`${url}/health/live`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
  return {
    url,
    async close() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    },
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
