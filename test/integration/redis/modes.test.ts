import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { createRateLimiter } from '../../../src/adapters/memory/rate-limiter.js'
import type { RedisMode } from '../../../src/adapters/redis/address.js'
import { assertRedisFits, connectRedis } from '../../../src/adapters/redis/connection.js'
import { RedisModeError } from '../../../src/adapters/redis/locate.js'
import { createRedisPresence } from '../../../src/adapters/redis/presence.js'
import { createSharedCounts } from '../../../src/adapters/redis/shared-counts.js'
import { createTestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'
import { type Certificates, makeCertificates } from '../../support/network/certificates.js'
import { redisForTests, startRedisServer, tlsRedisForTests, useRedis } from '../../support/redis/redis.js'
import { redisRules } from '../../support/redis/redis-acl.js'
import { type RedisCluster, startRedisCluster } from '../../support/redis/redis-cluster.js'
import { MASTER_NAME, type RedisSentinels, startSentinels } from '../../support/redis/redis-sentinel.js'
import { askRedis } from '../../support/redis/redis-server.js'
import { listen } from '../../support/server/clients.js'
import { processEnvironment } from '../../support/server/server.js'
import { runServerToEnd } from '../../support/server/server-process.js'
import { type ClusteredSockets, startClusteredSockets } from '../../support/server/sockets-alone.js'
import { tokenFor } from '../../support/server/tokens.js'

/* A start checks that the server at REDIS_URL fits REDIS_MODE. The documented ACL rules are sufficient and minimal. */

const { describeWithRedis } = await redisForTests()
const { describeWithRedis: describeWithTls } = await tlsRedisForTests()

const lines: string[] = []
const log = {
  info() {},
  warn: (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`),
}
const open: { close(): unknown }[] = []

afterEach(async () => {
  for (const it of open.splice(0).reverse()) await it.close()
  lines.length = 0
})

/** Presence, limits and sockets of two processes, each by each of the two. */
async function everythingWorks(url: string, mode: RedisMode, caFile?: string): Promise<void> {
  const place = { url, mode, log, ...(caFile === undefined ? {} : { caFile }) }
  const presences = await Promise.all(
    [1, 2].map(() =>
      createRedisPresence({
        ...place,
        transporterTtlMs: 60_000,
        driverTtlMs: 60_000,
        fillMs: 0,
        commandTimeoutMs: 10_000,
      }),
    ),
  )
  for (const { close } of presences) open.push({ close })
  const [one, other] = presences.map(({ presence }) => presence)
  const place1 = { lat: 28.6, lng: 77.2 }
  const truck = { transporterId: 't1', vehicle: { id: 'v1', vehicleType: '14ft' }, place: place1 }
  await one?.touchTransporters(['t1'])
  await one?.putDriver('d1', truck)
  await one?.beatDriver('d1', { lat: 28.61, lng: 77.21 })
  await one?.setVehicle(['d1'], { id: 'v2', vehicleType: '20ft' })
  expect(await other?.presentAmong(['t1', 't2'])).toEqual(new Set(['t1']))
  expect(await other?.nearby(place1, 10, ['14ft', '20ft'], 10)).toMatchObject([{ driverId: 'd1' }])
  expect(await other?.driversOf('t1')).toMatchObject([{ driverId: 'd1', vehicleType: '20ft' }])
  expect((await other?.driverStates(['d1']))?.get('d1')).toMatchObject({ isOnline: true })
  expect(await other?.lapsedDrivers()).toEqual([])
  expect(await one?.dropDriver('d1')).toEqual({ wasOnline: true })
  await other?.dropTransporter('t1')
  expect(await presences[0]?.check()).toMatchObject({ status: 'ok', mode, presence: 'in Redis' })

  const counts = [1, 2].map(() => createSharedCounts({ ...place, commandTimeoutMs: 10_000 }))
  for (const count of counts) open.push(count)
  const limiters = counts.map(shared =>
    createRateLimiter({ name: 'test', perMinute: 3, shared, now: () => 0 }),
  )
  for (const limiter of limiters) open.push(limiter)
  const [here, there] = limiters
  for (let i = 0; i < 2; i++) here?.take('k')
  await here?.share()
  there?.take('k')
  await there?.share()
  expect(there?.take('k')).toBeGreaterThan(0)

  for (const kind of ['classic', 'sharded'] as const) {
    const [from, to] = [await sockets(url, kind, mode, caFile), await sockets(url, kind, mode, caFile)]
    const listener = await listen(to.url, await tokenFor('customer', 'c1'))
    open.push(listener)
    from.sockets.fanout.emit(['person:customer:c1'], {
      id: 'e1',
      version: 1,
      type: 'booking_updated',
      at: new Date(0).toISOString(),
      data: {},
    })
    await listener.next('booking_updated')
  }
  expect(lines.filter(line => !line.includes('REDIS_MODE'))).toEqual([])
}

async function sockets(
  url: string,
  kind: 'classic' | 'sharded',
  mode: RedisMode,
  caFile: string | undefined,
): Promise<ClusteredSockets> {
  const started = await startClusteredSockets(url, kind, {
    mode,
    ...(caFile === undefined ? {} : { caFile }),
  })
  open.push(started)
  return started
}

describeWithRedis('a Redis whose mode differs from REDIS_MODE', () => {
  const alone = useRedis()
  let cluster: RedisCluster
  let sentinels: RedisSentinels
  beforeAll(async () => {
    ;[cluster, sentinels] = await Promise.all([startRedisCluster(), startSentinels()])
  })
  afterAll(async () => {
    await Promise.all([cluster?.stop(), sentinels?.stop()])
  })

  const aNode = () => cluster.nodes[0]?.url ?? ''
  const aReplica = () => cluster.nodes[5]?.url ?? ''
  const aSentinel = () => sentinels.sentinels[0]?.url ?? ''
  const cases: [mode: RedisMode, what: string, url: () => string, message: string][] = [
    ['standalone', 'a node of a cluster', aNode, 'this Redis is a cluster: set REDIS_MODE=cluster'],
    ['standalone', 'a replica of a cluster', aReplica, 'this Redis is a cluster: set REDIS_MODE=cluster'],
    ['standalone', 'a sentinel', aSentinel, 'this is a sentinel: set REDIS_MODE=sentinel'],
    ['cluster', 'a server alone', () => alone.url, 'this Redis is no cluster: set REDIS_MODE=standalone'],
    ['cluster', 'a sentinel', aSentinel, 'this is a sentinel: set REDIS_MODE=sentinel'],
    ['sentinel', 'a server alone', () => `${alone.url}/${MASTER_NAME}`, 'this is no sentinel'],
    ['sentinel', 'a cluster', () => `${aNode()}/${MASTER_NAME}`, 'is a cluster: set REDIS_MODE=cluster'],
    ['sentinel', 'an unknown master', () => `${aSentinel()}/other`, 'know no master named other'],
  ]

  test.each(cases)('R13.5 %s at %s stops the start and names the setting', async (mode, _, url, message) => {
    const error = await assertRedisFits({ url: url(), mode }).catch(failure => failure)
    expect(error).toBeInstanceOf(RedisModeError)
    expect(error.message).toContain(message)
  })

  test('R13.5 such a start ends with 1 and that message', async () => {
    const database = await createTestDatabase()
    open.push({ close: () => database.drop() })
    const environment = { ...processEnvironment, DATABASE_URL: database.connectionString, REDIS_URL: aNode() }
    for (const adapter of ['classic', 'sharded']) {
      const { code, output } = await runServerToEnd({ ...environment, SOCKET_ADAPTER: adapter })
      expect(code).toBe(1)
      expect(output).toContain('this Redis is a cluster: set REDIS_MODE=cluster')
      expect(output).not.toContain('    at ')
    }
  })

  test('R13.5 a matching server is accepted, and so is an unreachable one', async () => {
    expect(await assertRedisFits({ url: alone.url })).toBe(true)
    expect(await assertRedisFits({ url: cluster.url, mode: 'cluster' })).toBe(true)
    expect(await assertRedisFits({ url: sentinels.url, mode: 'sentinel' })).toBe(true)
    for (const mode of ['standalone', 'cluster'] as const) {
      expect(await assertRedisFits({ url: 'redis://127.0.0.1:1', mode })).toBe(false)
    }
    expect(await assertRedisFits({ url: `redis://127.0.0.1:1/${MASTER_NAME}`, mode: 'sentinel' })).toBe(false)
  })

  test('R13.5 one that appears after the start is not used either, and the health check shows why', async () => {
    const redis = connectRedis({ url: aNode(), purpose: 'test', log, commandTimeoutMs: 300 })
    open.push({ close: () => redis.disconnect() })
    await expect(redis.ping()).rejects.toThrow()
    expect(lines).toEqual([expect.stringContaining('set REDIS_MODE=cluster')])
    const ttls = { transporterTtlMs: 60_000, driverTtlMs: 60_000 }
    const made = await createRedisPresence({ url: aNode(), log, ...ttls })
    open.push(made)
    expect(await made.check()).toMatchObject({
      status: 'down',
      mode: 'standalone',
      reason: expect.stringContaining('set REDIS_MODE=cluster'),
    })
  })

  test('R13.5 nodes that went and came since the start are found', async () => {
    const [first] = cluster.nodes
    const key = '{somewhere}'
    const redis = connectRedis({ url: first?.url ?? '', mode: 'cluster', purpose: 'test', slotOf: key, log })
    open.push({ close: () => redis.disconnect() })
    await until(async () => (await redis.set(key, '1').catch(() => '')) === 'OK')
    await first?.kill()
    // Wherever it was connected, the next node is found without the one in REDIS_URL.
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no').catch(() => {})
    await until(async () => (await redis.set(key, '2').catch(() => '')) === 'OK', 20_000)
  })
})

describeWithRedis('a replaced master that still answers as one', () => {
  test('R13.5 is replaced by the one that the sentinels name', async () => {
    const [sentinels, other] = await Promise.all([startSentinels(), startRedisServer()])
    open.push({ close: () => Promise.all([sentinels.stop(), other.stop()]) })
    const redis = connectRedis({ url: sentinels.url, mode: 'sentinel', purpose: 'test', log })
    open.push({ close: () => redis.disconnect() })
    await redis.set('key', 'old')
    for (const sentinel of sentinels.sentinels) {
      await askRedis(sentinel, 'SENTINEL', ['REMOVE', MASTER_NAME])
      await askRedis(sentinel, 'SENTINEL', ['MONITOR', MASTER_NAME, '127.0.0.1', other.port, 2])
    }
    await until(async () => {
      await redis.set('key', 'new').catch(() => {})
      return (await askRedis(other, 'GET', ['key'])) === 'new'
    })
  })
})

/** The rules are read from OPERATIONS.md. */
describe('a Redis user with only the documented rules', () => {
  const userInfo = 'loadcast:secret@'

  describeWithRedis('alone', () => {
    const redis = useRedis({ config: [`user loadcast on >secret ${redisRules('standalone')}`] })
    test('R13.5 can do everything needed, and nothing else', async () => {
      await everythingWorks(redis.url.replace('//', `//${userInfo}`), 'standalone')
      const stranger = connectRedis({ url: redis.url.replace('//', `//${userInfo}`), purpose: 'test', log })
      open.push({ close: () => stranger.disconnect() })
      for (const command of [
        ['set', 'other', '1'],
        ['publish', 'other', '1'],
        ['flushall'],
        ['config', 'get', '*'],
        ['keys', '*'],
      ]) {
        const [name = '', ...args] = command
        await expect(stranger.call(name, ...args)).rejects.toThrow('NOPERM')
      }
    })
  })

  describeWithRedis('of several servers', () => {
    test('R13.5 can do everything needed in a cluster', async () => {
      const config = [`user loadcast on >secret ${redisRules('cluster')}`]
      const cluster = await startRedisCluster({ config, userInfo })
      open.push({ close: () => cluster.stop() })
      await everythingWorks(cluster.url, 'cluster')
    })

    test('R13.5 can do everything needed behind sentinels, which have their own user', async () => {
      const sentinels = await startSentinels({
        config: [`user loadcast on >secret ${redisRules('standalone')}`],
        sentinelConfig: [`user asks on >other ${redisRules('sentinel')}`],
        userInfo,
        query: '?sentinelUsername=asks&sentinelPassword=other',
      })
      open.push({ close: () => sentinels.stop() })
      await everythingWorks(sentinels.url, 'sentinel')
    })
  })
})

describeWithTls('over TLS, with certificates that are verified', () => {
  let tls: Certificates
  beforeAll(async () => {
    tls = await makeCertificates()
  })

  test('R13.5 a cluster works if its nodes announce their names', async () => {
    const cluster = await startRedisCluster({ tls })
    open.push({ close: () => cluster.stop() })
    expect(cluster.url).toMatch(/^rediss:/)
    await everythingWorks(cluster.url, 'cluster', tls.caFile)
  })

  test('R13.5 sentinels that announce names work, and so does their master', async () => {
    const sentinels = await startSentinels({ tls })
    open.push({ close: () => sentinels.stop() })
    expect(sentinels.url).toMatch(/^rediss:/)
    await everythingWorks(sentinels.url, 'sentinel', tls.caFile)
  })
})
