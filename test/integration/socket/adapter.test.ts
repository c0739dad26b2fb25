import { afterEach, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { connectRedis } from '../../../src/adapters/redis/connection.js'
import { type AdapterKind, SocketAdapterError } from '../../../src/adapters/socket/cluster/start-check.js'
import { createTestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'
import { hasOpenssl, makeCertificates } from '../../support/network/certificates.js'
import { type RoughNetwork, startRoughNetwork } from '../../support/network/rough-network.js'
import { type RedisServer, redisForTests, startRedisServer, useRedis } from '../../support/redis/redis.js'
import { noteSkip } from '../../support/redis/redis-server.js'
import { type Listener, listen } from '../../support/server/clients.js'
import { processEnvironment } from '../../support/server/server.js'
import { runServerToEnd } from '../../support/server/server-process.js'
import { type ClusteredSockets, startClusteredSockets } from '../../support/server/sockets-alone.js'
import { tokenFor } from '../../support/server/tokens.js'

/* The adapter on its two connections, alone: its needs from Redis, and its behaviour without Redis. */

const { describeWithRedis } = await redisForTests()
const certificates = (await hasOpenssl()) ? await makeCertificates() : undefined
if (certificates === undefined) await noteSkip('no openssl')
const testWithTls = certificates === undefined ? test.skip : test
const kinds: readonly AdapterKind[] = ['classic', 'sharded']

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const it of open.splice(0).reverse()) await it.close()
})

async function server(options: Parameters<typeof startRedisServer>[0]): Promise<RedisServer> {
  const started = await startRedisServer(options)
  open.push({ close: () => started.stop() })
  return started
}

async function start(...args: Parameters<typeof startClusteredSockets>): Promise<ClusteredSockets> {
  const sockets = await startClusteredSockets(...args)
  open.push(sockets)
  return sockets
}

async function connectAs(url: string, id: string): Promise<Listener> {
  const listener = await listen(url, await tokenFor('customer', id))
  open.push(listener)
  return listener
}

const envelope = (id: string, text = '') => ({
  id,
  version: 1,
  type: 'booking_updated',
  at: new Date(0).toISOString(),
  data: { text },
})

/** What `from` emits is heard by a client of `to`. */
async function crosses(from: ClusteredSockets, to: ClusteredSockets): Promise<void> {
  const client = await connectAs(to.url, 'crossing')
  from.sockets.fanout.emit(['person:customer:crossing'], envelope('crossed'))
  await client.next('booking_updated')
}

describeWithRedis('a Redis that cannot do it', () => {
  test.each([
    ['classic', 'psubscribe', 'rename-command PSUBSCRIBE ""', 'SOCKET_ADAPTER=sharded'],
    ['sharded', 'ssubscribe', 'rename-command SSUBSCRIBE ""', 'SOCKET_ADAPTER=classic'],
    ['classic', 'psubscribe', 'user default on nopass ~* &* +@all -psubscribe', 'SOCKET_ADAPTER=sharded'],
  ] as const)('%s without %s (%s) stops the start and names %s', async (kind, command, line, setting) => {
    const { url } = await server({ config: [line] })
    const error = await startClusteredSockets(url, kind).catch(failure => failure)
    expect(error).toBeInstanceOf(SocketAdapterError)
    expect(error.message).toContain(`Set ${setting}`)
    expect(error.message.toLowerCase()).toContain(command)
    const other = kind === 'classic' ? 'sharded' : 'classic'
    await crosses(await start(url, other), await start(url, other))
  })

  test('R7.1 such a start ends with 1, and with that message', async () => {
    const { url } = await server({ config: ['rename-command PSUBSCRIBE ""'] })
    const database = await createTestDatabase()
    open.push({ close: () => database.drop() })
    const environment = { ...processEnvironment, DATABASE_URL: database.connectionString, REDIS_URL: url }
    const { code, output } = await runServerToEnd(environment)
    expect(code).toBe(1)
    expect(output).toContain('Set SOCKET_ADAPTER=sharded')
    expect(output).not.toContain('    at ')
  })

  test('R7.4 one that is unavailable at the start is waited for briefly, and joined when it comes', async () => {
    const redis = await server({})
    await redis.kill()
    const [a, b] = [await start(redis.url), await start(redis.url)]
    const here = await connectAs(a.url, 'here')
    a.sockets.fanout.emit(['person:customer:here'], envelope('e1'))
    await here.next('booking_updated')
    await redis.start()
    const there = await connectAs(b.url, 'there')
    await until(() => {
      a.sockets.fanout.emit(['person:customer:there'], envelope('e2'))
      return there.events.length > 0
    })
  })
})

describeWithRedis('a Redis that is full', () => {
  test.each(kinds)('R7.4 still carries messages (%s)', async kind => {
    const { url } = await server({ config: ['maxmemory 1mb', 'maxmemory-policy noeviction'] })
    const stranger = new Redis(url)
    open.push({ close: () => stranger.disconnect() })
    await expect(stranger.set('key', 'x'.repeat(2_000_000))).rejects.toThrow('OOM')
    await crosses(await start(url, kind), await start(url, kind))
  })
})

describeWithRedis('Redis over TLS', () => {
  testWithTls.each(kinds)('R7.1 with a verified certificate works (%s)', async kind => {
    if (certificates === undefined) return
    const { url } = await server({ tls: certificates })
    expect(url).toMatch(/^rediss:/)
    const { caFile } = certificates
    await crosses(await start(url, kind, { caFile }), await start(url, kind, { caFile }))
  })

  testWithTls('R7.1 whose certificate nobody vouches for is never spoken to', async () => {
    if (certificates === undefined) return
    const { url } = await server({ tls: certificates })
    const reasons: string[] = []
    const other = await makeCertificates()
    for (const ca of [{}, { caFile: other?.caFile ?? '' }]) {
      const log = { info() {}, warn: (fields: object) => void reasons.push(JSON.stringify(fields)) }
      const redis = connectRedis({ url, purpose: 'test', log, commandTimeoutMs: 300, ...ca })
      await expect(redis.ping()).rejects.toThrow()
      redis.disconnect()
    }
    expect(reasons).toEqual([
      expect.stringMatching(/self-signed certificate|unable to/),
      expect.stringMatching(/self-signed certificate|unable to|signature/),
    ])
  })

  testWithTls('R7.1 under another name than the certificate’s is never spoken to', async () => {
    if (certificates === undefined) return
    const { port } = await server({ tls: certificates })
    const reasons: string[] = []
    const log = { info() {}, warn: (fields: object) => void reasons.push(JSON.stringify(fields)) }
    const { caFile } = certificates
    const url = `rediss://127.0.0.1:${port}`
    const redis = connectRedis({ url, purpose: 'test', log, commandTimeoutMs: 300, caFile })
    await expect(redis.ping()).rejects.toThrow()
    redis.disconnect()
    expect(reasons).toEqual([expect.stringContaining('altnames')])
  })
})

describeWithRedis.each(kinds.map(kind => [kind]))('losses between processes (%s)', kind => {
  const redis = useRedis()

  function through(network: RoughNetwork): string {
    open.push(network)
    return `redis://127.0.0.1:${new URL(network.url).port}`
  }

  test('R7.4 a subscription that hangs without an error is found, and the lost messages are redelivered', async () => {
    const network = await startRoughNetwork([redis.url])
    const deaf = await start(through(network), kind, { loopbackEveryMs: 50, publisherUrl: redis.url })
    const good = await start(redis.url, kind)
    await crosses(good, deaf)
    network.swallow()
    await until(() => deaf.cluster.state().isDeaf)
    await until(() => deaf.missed.length > 0)
    expect(deaf.missed[0]).toBeGreaterThan(0)
    await crosses(good, deaf)
    // Its clients may be there by now.
    await until(() => good.missed.length > 0)
  })

  test('R7.4 messages that could not be published are redelivered to the others when Redis is back', async () => {
    const network = await startRoughNetwork([redis.url])
    const mute = await start(redis.url, kind, { publisherUrl: through(network), loopbackEveryMs: 60_000 })
    const good = await start(redis.url, kind)
    await crosses(mute, good)
    network.lead([])
    network.cut()
    const before = performance.now()
    mute.sockets.fanout.emit(['person:customer:x'], envelope('lost'))
    // It waits for its time, and then is gone.
    await until(() => mute.cluster.state().dropped > 0)
    network.lead([redis.url])
    await until(() => {
      mute.sockets.fanout.emit(['person:customer:x'], envelope('next'))
      return good.missed.length > 0 && mute.cluster.state().dropped === 0
    })
    expect(good.missed[0]).toBeGreaterThan(0)
    expect(good.missed[0]).toBeLessThan(performance.now() - before + 100)
  })

  test('R7.4 without Redis the queue of messages is bounded, and local sockets get every event', async () => {
    const network = await startRoughNetwork([redis.url])
    const alone = await start(through(network), kind)
    const client = await connectAs(alone.url, 'local')
    network.lead([])
    network.cut()
    const count = 1_500
    for (let i = 0; i < count; i += 1) {
      alone.sockets.fanout.emit(['person:customer:local'], envelope(`e${i}`, 'x'.repeat(1_000)))
      if (i % 100 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    await until(() => client.events.length === count)
    const { waiting, dropped } = alone.cluster.state()
    expect(waiting).toBeLessThanOrEqual(1_000) // of the connection's queue; the cluster's own bound is higher
    expect(dropped).toBeGreaterThan(0)
  })

  test('nonsense in the channels ends no process', async () => {
    const [a, b] = [await start(redis.url, kind), await start(redis.url, kind)]
    await crosses(a, b)
    const stranger = new Redis(redis.url)
    open.push({ close: () => stranger.disconnect() })
    for (const text of ['', 'x', '{', '{"uid":1}', '\u0000', '\u0000\u0000\u0000\u0000\u0009abc', '[1,2]']) {
      for (const channel of ['loadcast#/#', 'loadcast-request#/#', 'loadcast-response#/#']) {
        await (kind === 'sharded' ? stranger.spublish(channel, text) : stranger.publish(channel, text))
      }
    }
    await crosses(a, b)
  })
})
