/*
 * For test files that need Redis:
 *
 *   const { describeWithRedis } = await redisForTests()
 *   describeWithRedis('presence in Redis', () => {
 *     const redis = useRedis()   // a server for this describe, from before its first test to after its last
 *     it('…', () => connectRedis({ url: redis.url, … }))
 *   })
 *
 * A server costs about 50 ms, so each file has its own and never sees another file's keys, channels or faults.
 */
import { afterAll, beforeAll, describe } from '@jest/globals'
import { hasOpenssl } from '../network/certificates.js'
import {
  findRedis,
  noteSkip,
  type RedisServer,
  type RedisServerOptions,
  startRedisServer,
} from './redis-server.js'

export { type RedisServer, startRedisServer } from './redis-server.js'

/** Returns `describe`. Without a redis-server its tests are skipped and counted, and the last line says why. */
export async function redisForTests(): Promise<{
  readonly describeWithRedis: typeof describe | typeof describe.skip
}> {
  const found = await findRedis()
  if ('program' in found) return { describeWithRedis: describe }
  await noteSkip(`no redis-server: ${found.missing}`)
  return { describeWithRedis: describe.skip }
}

/** The same for tests with TLS, which need openssl to make certificates. */
export async function tlsRedisForTests(): Promise<Awaited<ReturnType<typeof redisForTests>>> {
  if (await hasOpenssl()) return redisForTests()
  await noteSkip('no openssl to make certificates with')
  return { describeWithRedis: describe.skip }
}

/**
 * A server from before the first test of this `describe` to after its last. Hooks of one kind run in the order in which
 * they are written. So put an `afterAll` that ends connections before this call, and a `beforeAll` that opens them after it.
 */
export function useRedis(options: RedisServerOptions = {}): Omit<RedisServer, 'stop'> {
  let server: RedisServer | undefined
  beforeAll(async () => {
    server = await startRedisServer(options)
  })
  afterAll(() => server?.stop())
  const running = () => {
    if (server === undefined) throw new Error('The server starts in beforeAll and does not exist before.')
    return server
  }
  return {
    get url() {
      return running().url
    },
    get port() {
      return running().port
    },
    kill: () => running().kill(),
    start: () => running().start(),
    freeze: () => running().freeze(),
    thaw: () => running().thaw(),
  }
}
