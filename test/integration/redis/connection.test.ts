import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import type { Redis } from 'ioredis'
import {
  connectRedis,
  type RedisConnectionOptions,
  retryStrategy,
} from '../../../src/adapters/redis/connection.js'
import { createRedisPresence } from '../../../src/adapters/redis/presence.js'
import { until } from '../../support/engine/engine.js'
import { type Certificates, makeCertificates } from '../../support/network/certificates.js'
import {
  type RedisServer,
  redisForTests,
  startRedisServer,
  tlsRedisForTests,
  useRedis,
} from '../../support/redis/redis.js'

const { describeWithRedis } = await redisForTests()
const { describeWithRedis: describeWithTls } = await tlsRedisForTests()
const opened: Redis[] = []
const lines: string[] = []
const log = {
  info: (_fields: object, message: string) => void lines.push(message),
  warn: (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`),
}

function open(url: string, more: Partial<RedisConnectionOptions> = {}): Redis {
  const redis = connectRedis({ url, purpose: 'test', log, ...more })
  opened.push(redis)
  return redis
}

afterEach(() => {
  for (const redis of opened.splice(0)) redis.disconnect()
  lines.length = 0
})

describeWithRedis('a connection to Redis', () => {
  const server = useRedis()

  it('is made by the first command, and named after its purpose', async () => {
    const redis = open(server.url)
    expect(redis.status).toBe('wait')
    expect(await redis.call('client', 'getname')).toBe('loadcast-test')
    expect(lines).toEqual([])
  })

  it('sends all commands of one turn of the event loop with one write', async () => {
    const redis = open(server.url)
    await redis.ping()
    const { stream } = redis
    let writes = 0
    const { _write, _writev } = stream
    stream._write = (...args) => {
      writes += 1
      _write.apply(stream, args)
    }
    stream._writev = (...args) => {
      writes += 1
      _writev?.apply(stream, args)
    }
    const first = redis.publish('a', '1')
    await Promise.resolve()
    await Promise.all([first, redis.publish('b', '2'), redis.ping()])
    expect(writes).toBe(1)
  })

  it('fails commands without an answer in time, and continues when Redis answers again', async () => {
    const redis = open(server.url, { commandTimeoutMs: 50 })
    await redis.ping()
    server.freeze()
    await expect(redis.ping()).rejects.toThrow('timed out')
    server.thaw()
    await until(async () => (await redis.ping().catch(() => '')) === 'PONG')
  })

  it('lets only a bounded number of commands wait, in an outage and behind a slow answer', async () => {
    const redis = open('redis://127.0.0.1:1', { maxQueuedCommands: 3, commandTimeoutMs: 10_000 })
    const waiting = [1, 2, 3].map(() => redis.ping().catch(() => 'ended'))
    await expect(redis.ping()).rejects.toThrow('3 commands are waiting already')
    redis.disconnect()
    expect(await Promise.all(waiting)).toEqual(['ended', 'ended', 'ended'])

    const slow = open(server.url, { maxQueuedCommands: 3, commandTimeoutMs: 10_000 })
    await slow.ping()
    server.freeze()
    const unanswered = [1, 2, 3].map(() => slow.ping())
    await expect(slow.ping()).rejects.toThrow('3 commands are waiting already')
    server.thaw()
    expect(await Promise.all(unanswered)).toEqual(['PONG', 'PONG', 'PONG'])
  })

  it('logs once that Redis is lost and once that it is back, without credentials', async () => {
    const redis = open(server.url.replace('//', '//default:hunter2@'))
    const isBack = () => lines.some(line => line.includes('reached again'))
    await redis.connect()
    await server.kill()
    await until(() => lines.length > 0)
    // Several attempts, each refused: the pauses between them begin with 50 ms.
    await new Promise(resolve => setTimeout(resolve, 300))
    await server.start()
    await until(isBack)
    expect(lines).toEqual([expect.stringMatching(/lost|cannot be reached/), expect.stringContaining('again')])
    expect(lines.join()).toContain(`127.0.0.1:${server.port}`)
    expect(lines.join()).not.toContain('hunter2')
  })

  it('repeats no command that was in progress when the connection broke', async () => {
    const redis = open(server.url, { commandTimeoutMs: 10_000 })
    await redis.ping()
    server.freeze()
    const lost = redis.incr('counted').catch(() => 'failed')
    await server.kill()
    await server.start()
    expect(await lost).toBe('failed')
    await until(() => redis.status === 'ready')
    expect(await redis.get('counted')).toBe(null)
  })
})

describeWithTls('a connection by TLS', () => {
  let tls: Certificates
  let server: RedisServer
  beforeAll(async () => {
    tls = await makeCertificates()
    server = await startRedisServer({ tls })
  })
  afterAll(() => server.stop())

  it('is made to a server with a trusted certificate, and carries presence', async () => {
    expect(server.url).toMatch(/^rediss:/)
    expect(await open(server.url, { caFile: tls.caFile }).ping()).toBe('PONG')
    const ttls = { transporterTtlMs: 60_000, driverTtlMs: 60_000 }
    const made = await createRedisPresence({ url: server.url, log, caFile: tls.caFile, ...ttls, fillMs: 0 })
    expect(await made.presence.touchTransporters(['t1'])).toEqual(new Set(['t1']))
    made.close()
  })

  it('is refused to a server with an untrusted certificate, or with one of another name', async () => {
    const stranger = open(server.url)
    await expect(stranger.connect()).rejects.toThrow()
    expect(lines.join()).toMatch(/self.signed|unable to (get|verify)/)
    lines.length = 0
    const other = open(server.url.replace('localhost', '127.0.0.1'), { caFile: tls.caFile })
    await expect(other.connect()).rejects.toThrow()
    expect(lines.join()).toMatch(/altnames/)
  })
})

describeWithRedis('a private server', () => {
  it('can be limited, and leaves nothing behind', async () => {
    const server = await startRedisServer({ config: ['maxmemory 2mb', 'maxmemory-policy noeviction'] })
    const redis = open(server.url)
    await expect(
      (async () => {
        for (let i = 0; i < 100; i++) await redis.set(`key-${i}`, 'x'.repeat(100_000))
      })(),
    ).rejects.toThrow('OOM')
    await server.stop()
    await expect(redis.ping()).rejects.toThrow()
  })
})

it('retries soon at first, more slowly later, and never in step', () => {
  const bounds = [1, 2, 3, 20, 1_000].map(attempt => [
    retryStrategy(attempt, () => 0),
    retryStrategy(attempt, () => 1),
  ])
  expect(bounds).toEqual([
    [25, 50],
    [50, 100],
    [100, 200],
    [1_000, 2_000],
    [1_000, 2_000],
  ])
})
