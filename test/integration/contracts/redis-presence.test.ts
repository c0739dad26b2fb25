import { afterEach, expect, it } from '@jest/globals'
import { Redis } from 'ioredis'
import { createRedisPresence, type RedisPresence } from '../../../src/adapters/redis/presence.js'
import { redisForTests, useRedis } from '../../support/redis/redis.js'
import { DRIVER_TTL_MS, presenceContract, TRANSPORTER_TTL_MS } from './presence.js'

const { describeWithRedis } = await redisForTests()

/** A log that fails a test: nothing here is expected to go wrong. */
const strictLog = {
  info() {},
  warn(fields: object, message: string) {
    throw new Error(message, { cause: fields })
  },
}

describeWithRedis.each([1, 3])('presence in Redis, in %i slots', shards => {
  const server = useRedis()
  const opened: RedisPresence[] = []
  let time = Date.now()

  async function open() {
    const redis = new Redis(server.url)
    await redis.flushall()
    redis.disconnect()
    const made = await createRedisPresence({
      url: server.url,
      transporterTtlMs: TRANSPORTER_TTL_MS,
      driverTtlMs: DRIVER_TTL_MS,
      log: strictLog,
      fillMs: 0,
      shards,
      commandTimeoutMs: 10_000,
      now: () => time,
    })
    opened.push(made)
    return {
      presence: made.presence,
      passTime(ms: number) {
        time += ms
      },
    }
  }

  afterEach(() => {
    for (const made of opened.splice(0)) made.close()
  })

  presenceContract(open)

  it('is healthy', async () => {
    await open()
    expect(await opened[0]?.check()).toMatchObject({ status: 'ok', presence: 'in Redis' })
  })
})
