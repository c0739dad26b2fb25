import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { openRateLimits } from '../../../src/app/rate-limits.js'
import type { Role } from '../../../src/dispatch/person.js'
import { publicRoutes, routes } from '../../support/api/scene.js'
import { until } from '../../support/engine/engine.js'
import { redisForTests, useRedis } from '../../support/redis/redis.js'
import { call, createClient, listen } from '../../support/server/clients.js'
import { startTestApp } from '../../support/server/server.js'
import { tokenFor } from '../../support/server/tokens.js'
import { useTestApp } from '../../support/server/use-test-app.js'

const PER_MINUTE = 5
const path = (route: { path: string }) =>
  route.path.replaceAll(/:(id|tripId)/g, '01890a5d-ac96-774b-bcce-b302099a8057').replaceAll(/:\w+/g, 'x')

const app = await useTestApp({
  env: {
    RATE_LIMIT_ADDRESS_PER_MINUTE: String(PER_MINUTE),
    RATE_LIMIT_USER_PER_MINUTE: '3',
    TRUSTED_PROXIES: '1',
  },
})

let addresses = 0
const newAddress = () => `198.51.100.${++addresses}`
const as = (address: string, more: Record<string, string> = {}) => ({
  headers: { 'x-forwarded-for': address, ...more },
})

async function exhaust(address: string): Promise<void> {
  for (let i = 0; i < PER_MINUTE; i++) await call(app.url, 'GET', '/openapi.json', as(address))
}

describe('R9.5 requests of one address', () => {
  // The others are asked in conformance.test.ts.
  const limited = [...publicRoutes, ...routes].filter(({ id }) =>
    ['getOpenApi', 'refreshToken', 'createBroadcast', 'listInstances'].includes(id),
  )

  test.each(limited)('$id: 429 with Retry-After beyond the limit', async route => {
    const address = newAddress()
    await exhaust(address)
    const answer = await call(app.url, route.method.toUpperCase(), path(route), as(address))
    expect(answer).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } })
    const wait = Number(answer.headers.get('retry-after'))
    expect(wait).toBeGreaterThan(0)
    // Counted at the start of a minute, they weigh on the next one until a fifth of it has passed.
    expect(wait).toBeLessThanOrEqual(Math.ceil(60 * (1 + 1 / PER_MINUTE)))
  })

  test('unknown routes count too', async () => {
    const address = newAddress()
    for (let i = 0; i < PER_MINUTE; i++) {
      expect((await call(app.url, 'GET', '/nowhere', as(address))).status).toBe(404)
    }
    expect((await call(app.url, 'GET', '/nowhere', as(address))).status).toBe(429)
  })

  test('health always answers, so that a balancer never loses us', async () => {
    const address = newAddress()
    await exhaust(address)
    expect((await call(app.url, 'GET', '/health', as(address))).status).toBe(200)
    expect((await call(app.url, 'GET', '/health/live', as(address))).status).toBe(200)
  })

  test('an address that the caller invented is ignored', async () => {
    const address = newAddress()
    for (let i = 0; i < PER_MINUTE; i++)
      await call(app.url, 'GET', '/openapi.json', as(`10.9.8.${i}, ${address}`))
    expect((await call(app.url, 'GET', '/openapi.json', as(`10.9.8.7, ${address}`))).status).toBe(429)
  })

  test('it is answered before the body is read', async () => {
    const address = newAddress()
    await exhaust(address)
    const { port, hostname } = new URL(app.url)
    const wire = connect(Number(port), hostname)
    // A body is promised and never sent.
    wire.write(
      `POST /api/v1/broadcasts HTTP/1.1\r\nhost: x\r\nx-forwarded-for: ${address}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n`,
    )
    const [first] = (await once(wire, 'data')) as [Buffer]
    wire.destroy()
    expect(first.toString()).toMatch(/^HTTP\/1.1 429 /)
  })
})

describe('R9.5 requests of one user', () => {
  test('count from all addresses; other users are not affected', async () => {
    const token = await tokenFor('customer', 'c-fast')
    const ask = () =>
      call(app.url, 'GET', '/api/v1/broadcasts', as(newAddress(), { authorization: `Bearer ${token}` }))
    for (let i = 0; i < 3; i++) expect((await ask()).status).toBe(200)
    expect(await ask()).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } })
    const other = await tokenFor('customer', 'c-slow')
    const headers = as(newAddress(), { authorization: `Bearer ${other}` })
    expect((await call(app.url, 'GET', '/api/v1/broadcasts', headers)).status).toBe(200)
  })

  test('unverified names are not counted', async () => {
    const client = await tokenFor('customer', 'c-victim')
    const forged = `${client.slice(0, -5)}AAAAA`
    for (let i = 0; i < 4; i++) {
      const headers = as(newAddress(), { authorization: `Bearer ${forged}` })
      expect((await call(app.url, 'GET', '/api/v1/broadcasts', headers)).status).toBe(401)
    }
    const headers = as(newAddress(), { authorization: `Bearer ${client}` })
    expect((await call(app.url, 'GET', '/api/v1/broadcasts', headers)).status).toBe(200)
  })

  test('R11.1 another role of the same id does not use up a person’s limit', async () => {
    const headersOf = async (role: Role) =>
      as(newAddress(), { authorization: `Bearer ${await tokenFor(role, 'of-both')}` })
    let status = 200
    for (let i = 0; i < 10 && status === 200; i++) {
      status = (await call(app.url, 'GET', '/api/v1/sync', await headersOf('customer'))).status
    }
    expect(status).toBe(429)
    expect((await call(app.url, 'GET', '/api/v1/sync', await headersOf('transporter'))).status).toBe(200)
  })
})

describe('R9.5 connection attempts of sockets', () => {
  test('count by user: refused with a problem that says when to retry', async () => {
    const token = await tokenFor('customer', 'c-loop')
    const direct = await startTestApp({ env: { RATE_LIMIT_USER_PER_MINUTE: '2' } })
    for (let i = 0; i < 2; i++) (await listen(direct.url, token)).close()
    const refusal = await listen(direct.url, token).catch((error: { data: object }) => error.data)
    expect(refusal).toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: expect.any(Number) })
    await direct.close()
  })

  test('count by address: 429 before anything else, for both transports', async () => {
    const address = newAddress()
    await exhaust(address)
    const polling = await call(app.url, 'GET', '/socket.io/?EIO=4&transport=polling', as(address))
    expect(polling).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } })
    expect(Number(polling.headers.get('retry-after'))).toBeGreaterThan(0)
    const { port, hostname } = new URL(app.url)
    const wire = connect(Number(port), hostname)
    wire.write(
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nx-forwarded-for: ${address}\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    )
    let text = ''
    wire.on('data', chunk => {
      text += chunk
    })
    await once(wire, 'close')
    expect(text).toMatch(/^HTTP\/1.1 429 .*retry-after: \d+\r\n.*RATE_LIMITED/s)
  })
})

test('without a limit nothing is refused', async () => {
  const free = await startTestApp()
  const client = await createClient(free.url, 'customer', 'c1')
  const answers = await Promise.all(Array.from({ length: 100 }, () => client.get('/api/v1/broadcasts')))
  expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200))
  await free.close()
})

const { describeWithRedis } = await redisForTests()

describeWithRedis('R9.5 limits of several processes', () => {
  const redis = useRedis()
  const opened: { close(): void }[] = []
  afterEach(() => {
    for (const one of opened.splice(0)) one.close()
  })

  /** As a process has them. */
  function open(perMinute: number) {
    const settings = {
      redisUrl: redis.url,
      redisMode: 'standalone' as const,
      rateLimitUserPerMinute: perMinute,
      rateLimitAddressPerMinute: 0,
      trustedProxies: 0,
    }
    const limits = openRateLimits(settings, pino({ level: 'silent' }))
    opened.push(limits)
    return limits
  }

  test('are one limit, within a moment', async () => {
    const [a, b] = [open(100), open(100)]
    for (let i = 0; i < 90; i++) expect(a.ofUser({ role: 'customer', id: 'u' })).toBeUndefined()
    for (let i = 0; i < 9; i++) expect(b.ofUser({ role: 'customer', id: 'u' })).toBeUndefined()
    let passed = 99
    // Each tells the other when its turn comes.
    await until(() => {
      const wait =
        passed % 2 === 0 ? a.ofUser({ role: 'customer', id: 'u' }) : b.ofUser({ role: 'customer', id: 'u' })
      if (wait !== undefined) return true
      passed += 1
      return false
    })
    expect(passed).toBeLessThan(190)
    const third = open(100)
    await until(() => third.ofUser({ role: 'customer', id: 'u' }) !== undefined)
  })

  test('nobody waits for a Redis that hangs: each process counts for itself', async () => {
    const limits = open(50)
    limits.ofUser({ role: 'customer', id: 'first' })
    redis.freeze()
    const answers = Array.from({ length: 60 }, () => limits.ofUser({ role: 'customer', id: 'u' }))
    expect(answers.filter(wait => wait === undefined)).toHaveLength(50)
    redis.thaw()
  })
})
