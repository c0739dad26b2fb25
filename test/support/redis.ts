/*
 * For test files that need Redis:
 *
 *   const { describeWithRedis } = await redisForTests()
 *   describeWithRedis('presence in Redis', () => {
 *     const redis = useRedis()   // a server of this file's own, from before its first test to after its last
 *     it('…', () => connectRedis({ url: redis.url, … }))
 *   })
 *
 * A server of one's own costs some 50 ms, so no test file sees another's keys, channels or faults.
 */
import { afterAll, beforeAll, describe } from '@jest/globals'
import { hasOpenssl } from './certificates.js'
import {
  findRedis,
  noteSkip,
  type RedisServer,
  type RedisServerOptions,
  startRedisServer,
} from './redis-server.js'

export { type RedisServer, startRedisServer } from './redis-server.js'

/** `describe` where there is a redis-server, else one that skips, counted, with the reason in the last line. */
export async function redisForTests(): Promise<{
  readonly describeWithRedis: typeof describe | typeof describe.skip
}> {
  const found = await findRedis()
  if ('program' in found) return { describeWithRedis: describe }
  await noteSkip(`no redis-server: ${found.missing}`)
  return { describeWithRedis: describe.skip }
}

/** The same for tests that need TLS, and so openssl to make certificates with. */
export async function tlsRedisForTests(): Promise<Awaited<ReturnType<typeof redisForTests>>> {
  if (await hasOpenssl()) return redisForTests()
  await noteSkip('no openssl to make certificates with')
  return { describeWithRedis: describe.skip }
}

/**
 * A server from before the first test of this `describe` to after its last. Hooks of one kind run in the order in which
 * they are written: so an `afterAll` that ends connections stands before this, a `beforeAll` that makes them after.
 */
export function useRedis(options: RedisServerOptions = {}): Omit<RedisServer, 'stop'> {
  let server: RedisServer | undefined
  beforeAll(async () => {
    server = await startRedisServer(options)
  })
  afterAll(() => server?.stop())
  const running = () => {
    if (server === undefined) throw new Error('The server is there from beforeAll on, not before.')
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
