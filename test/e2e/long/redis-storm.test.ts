import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { HealthReport } from '../../../src/adapters/http/health.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'
import { type RedisServer, redisForTests, startRedisServer } from '../../support/redis/redis.js'
import { type RedisCluster, startRedisCluster } from '../../support/redis/redis-cluster.js'
import { type RedisProxy, startRedisProxy } from '../../support/redis/redis-proxy.js'
import { type RedisSentinels, startSentinels } from '../../support/redis/redis-sentinel.js'
import { askRedis } from '../../support/redis/redis-server.js'
import { createClient, listen } from '../../support/server/clients.js'
import { asking } from '../../support/server/fleet.js'
import { findViolations, processEnvironment } from '../../support/server/server.js'
import { type ServerProcess, startServerProcess } from '../../support/server/server-process.js'

/*
 * Redis faults under two real processes: connections cut at any instant, restarts, and every error that means "not now". No
 * process ends, calls succeed, and afterwards everything works as before.
 */

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const STORM_MS = isLong ? 30_000 : 3_000
const RECOVERY_MS = 30_000

const { describeWithRedis } = await redisForTests()

interface Running {
  readonly database: TestDatabase
  readonly processes: readonly ServerProcess[]
  /** Starts one more process and ends it in order. */
  comeAndGo(): Promise<void>
  close(): Promise<void>
}

let serial = 0

async function startProcesses(env: Readonly<Record<string, string>>): Promise<Running> {
  const database = await createTestDatabase()
  const settings = {
    ...processEnvironment,
    DATABASE_URL: database.connectionString,
    LOG_LEVEL: 'error',
    RATE_LIMIT_USER_PER_MINUTE: '100000',
    ...env,
  }
  const started: ServerProcess[] = []
  const start = async () => {
    const server = await startServerProcess(settings)
    started.push(server)
    return server
  }
  const end = async (server: ServerProcess) => {
    const code = await server.end('SIGINT')
    expect({ code, output: server.output() }).toMatchObject({ code: 0 })
  }
  const processes = await Promise.all([start(), start()])
  return {
    database,
    processes,
    async comeAndGo() {
      await end(await start())
    },
    async close() {
      await Promise.all(processes.map(end))
      // Pino's errors and defects, and ioredis' message for an error without a listener.
      for (const server of started) expect(server.output()).not.toMatch(/"level":[56]0|Unhandled/)
      expect(await findViolations(database.connectionString)).toEqual([])
      await database.drop()
    },
  }
}

async function callsGoOn({ processes }: Running): Promise<void> {
  for (const { url } of processes) {
    const customer = await createClient(url, 'customer', `c${++serial}`)
    const created = await customer.post('/api/v1/broadcasts', asking(1))
    expect(created.status).toBe(201)
    const path = `/api/v1/broadcasts/${created.body.id}/events`
    expect((await customer.post(path, { type: 'cancel' })).status).toBe(200)
  }
}

/** Redis works again, and sockets of one process receive events of the other. */
async function allIsWell({ processes }: Running): Promise<void> {
  for (const { url } of processes) {
    await until(async () => {
      const { checks } = (await (await fetch(`${url}/health`)).json()) as HealthReport
      // After a flush, heartbeats have to fill it first, which is no fault.
      return (
        checks.redis.status !== 'down' && checks.redis.sockets === 'joined' && !('limits' in checks.redis)
      )
    }, RECOVERY_MS)
  }
  const [a, b] = processes
  for (const [from, to] of [
    [a, b],
    [b, a],
  ]) {
    const customer = await createClient(from?.url ?? '', 'customer', `c${++serial}`)
    const listener = await listen(to?.url ?? '', customer.token)
    const { body } = await customer.post('/api/v1/broadcasts', asking(1))
    await listener.next('booking_updated', event => event.broadcastId === body.id, RECOVERY_MS)
    await customer.post(`/api/v1/broadcasts/${body.id}/events`, { type: 'cancel' })
    listener.close()
  }
}

/** Cuts every connection to these servers repeatedly, at random instants. */
async function cutConnections(servers: readonly Pick<RedisServer, 'url'>[], until: () => boolean) {
  let cuts = 0
  while (!until()) {
    for (const server of servers) {
      for (const type of ['normal', 'pubsub']) {
        const killed = await askRedis<number>(server, 'CLIENT', ['KILL', 'TYPE', type]).catch(() => 0)
        cuts += killed
      }
    }
    await new Promise(resolve => setTimeout(resolve, Math.random() * 15))
  }
  return cuts
}

/** Makes calls, and starts and ends a process, while `weather` lasts. */
async function storm(running: Running, servers: readonly Pick<RedisServer, 'url'>[]): Promise<void> {
  let isOver = false
  const cuts = cutConnections(servers, () => isOver)
  const endsAt = performance.now() + STORM_MS
  try {
    await Promise.all([
      running.comeAndGo(),
      (async () => {
        while (performance.now() < endsAt) await callsGoOn(running)
      })(),
    ])
  } finally {
    isOver = true
  }
  expect(await cuts).toBeGreaterThan(20)
}

describeWithRedis('one Redis', () => {
  let redis: RedisServer
  let proxy: RedisProxy
  let running: Running

  beforeAll(async () => {
    redis = await startRedisServer({ config: ['busy-reply-threshold 50', 'key-load-delay 200000'] })
    proxy = await startRedisProxy(redis.url)
    running = await startProcesses({ REDIS_URL: proxy.url })
  })
  afterAll(async () => {
    await running?.close()
    await proxy?.close()
    await redis?.stop()
  })

  const ask = (command: string, ...args: string[]) => askRedis(redis, command, args)
  const set = (name: string, value: string) => ask('CONFIG', 'SET', name, value)

  test('R13.1 R7.4 whose connections are cut repeatedly', async () => {
    await storm(running, [redis])
    await allIsWell(running)
  })

  test('R13.1 R7.4 that is restarted repeatedly', async () => {
    for (let i = 0; i < (isLong ? 20 : 4); i++) {
      await redis.kill()
      await callsGoOn(running)
      await redis.start()
    }
    await allIsWell(running)
  })

  test('R13.1 R7.4 that is loading its data', async () => {
    for (let i = 0; i < 10; i++) await ask('SET', `loadcast:presence:{0}:filler${i}`, 'x')
    await ask('SAVE')
    await redis.kill()
    const loading = redis.start()
    await callsGoOn(running)
    await loading
    await allIsWell(running)
  })

  test.each([
    ['READONLY', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
    ['OOM', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
    [
      'NOREPLICAS',
      ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
      ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
    ],
    [
      'NOPERM',
      ['ACL', 'SETUSER', 'default', '-eval', '-evalsha', '-set', '-publish', '-psubscribe', '-info'],
      ['ACL', 'SETUSER', 'default', '+@all'],
    ],
  ])('R13.1 R7.4 that answers %s for a while', async (error, begin, end) => {
    const run = ([command = '', ...args]: readonly string[]) => ask(command, ...args)
    await run(begin)
    // New connections meet it too.
    await ask('CLIENT', 'KILL', 'TYPE', 'normal')
    await ask('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await callsGoOn(running)
    await expect(ask('SET', 'loadcast:presence:{0}:x', '1')).rejects.toThrow(error)
    await until(async () => {
      const { checks } = (await (await fetch(`${running.processes[0]?.url}/health`)).json()) as HealthReport
      return checks.redis.status === 'down'
    })
    await callsGoOn(running)
    await run(end)
    await allIsWell(running)
  })

  test('R13.1 R7.4 that answers MASTERDOWN for a while', async () => {
    await set('replica-serve-stale-data', 'no')
    await ask('REPLICAOF', '127.0.0.1', '1')
    await ask('CLIENT', 'KILL', 'TYPE', 'normal')
    await callsGoOn(running)
    await ask('REPLICAOF', 'NO', 'ONE')
    await allIsWell(running)
  })

  test('R13.1 R7.4 that is BUSY with a script for a while', async () => {
    const endless = ask('EVAL', 'while true do end', '0').catch((error: Error) => error)
    await until(async () =>
      ask('GET', 'x').then(
        () => false,
        error => String(error).includes('BUSY'),
      ),
    )
    await callsGoOn(running)
    await ask('SCRIPT', 'KILL')
    await endless
    await allIsWell(running)
  })

  test('R13.1 R7.4 that suddenly requires a password', async () => {
    await set('requirepass', 'secret')
    const withPassword = { url: redis.url.replace('//', '//:secret@') }
    await askRedis(withPassword, 'CLIENT', ['KILL', 'TYPE', 'normal'])
    await askRedis(withPassword, 'CLIENT', ['KILL', 'TYPE', 'pubsub'])
    await callsGoOn(running)
    await expect(ask('PING')).rejects.toThrow('NOAUTH')
    await callsGoOn(running)
    await askRedis(withPassword, 'CONFIG', ['SET', 'requirepass', ''])
    await allIsWell(running)
  })

  test.each([
    ['an invalid answer', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['unsolicited answers', '+OK\r\n:1\r\n'],
    ['unsolicited errors', '-ERR something\r\n-UNBLOCKED x\r\n'],
    ['the end of subscriptions', '*3\r\n$12\r\nsunsubscribe\r\n$3\r\na#b\r\n:0\r\n'],
  ])('R13.1 R7.4 that answers %s', async (_, bytes) => {
    for (let i = 0; i < 5; i++) {
      proxy.inject(bytes)
      await callsGoOn(running)
    }
    await allIsWell(running)
  })
})

describeWithRedis('a cluster', () => {
  let cluster: RedisCluster
  let running: Running

  beforeAll(async () => {
    cluster = await startRedisCluster()
    running = await startProcesses({ REDIS_URL: cluster.url, REDIS_MODE: 'cluster' })
  })
  afterAll(async () => {
    await running?.close()
    await cluster?.stop()
  })

  test('R13.1 R13.5 R7.4 when all their connections are cut repeatedly', async () => {
    await storm(running, cluster.nodes)
    await allIsWell(running)
  })

  test('R13.1 R13.5 R7.4 when all their servers are down and come back', async () => {
    await Promise.all(cluster.nodes.map(node => node.kill()))
    await callsGoOn(running)
    await Promise.all(cluster.nodes.map(node => node.start()))
    await cluster.settled()
    await allIsWell(running)
  })
})

describeWithRedis('sentinels', () => {
  let sentinels: RedisSentinels
  let running: Running

  beforeAll(async () => {
    sentinels = await startSentinels()
    running = await startProcesses({ REDIS_URL: sentinels.url, REDIS_MODE: 'sentinel' })
  })
  afterAll(async () => {
    await running?.close()
    await sentinels?.stop()
  })

  test('R13.1 R13.5 R7.4 when the connections of the servers are cut repeatedly too', async () => {
    await storm(running, [...sentinels.servers, ...sentinels.sentinels])
    await allIsWell(running)
  })

  test('R13.1 R13.5 R7.4 that are all down while the master is up and then cut off', async () => {
    await Promise.all(sentinels.sentinels.map(sentinel => sentinel.kill()))
    await callsGoOn(running)
    await askRedis(sentinels.servers[0] as RedisServer, 'CLIENT', ['KILL', 'TYPE', 'normal'])
    await callsGoOn(running)
    await Promise.all(sentinels.sentinels.map(sentinel => sentinel.start()))
    await allIsWell(running)
  })
})
