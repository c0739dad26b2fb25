import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { createHttpApp, type HttpAppOptions } from '../../../src/adapters/http/app.js'
import { createTokenVerifier } from '../../../src/adapters/tokens/jwt.js'
import type { Dispatch } from '../../../src/dispatch/api.js'
import type { IdempotencyStore } from '../../../src/dispatch/ports.js'
import { ok } from '../../../src/dispatch/problems.js'
import { type DatabaseProxy, proxyDatabase } from '../../support/database/server-proxy.js'
import { type Client, call, createClient } from '../../support/server/clients.js'
import { asking, registerTruck } from '../../support/server/fleet.js'
import { startTestApp } from '../../support/server/server.js'
import { TEST_SECRET, tokenFor } from '../../support/server/tokens.js'
import { useTestApp } from '../../support/server/use-test-app.js'

let customer: Client

const app = await useTestApp({ env: { CORS_ORIGINS: 'https://app.example' } })

beforeAll(async () => {
  customer = await createClient(app.url, 'customer', 'c1')
})

/** Of an app whose lists fail by a defect. */
function appOptions(write: (line: string) => void = () => {}): HttpAppOptions {
  const failing = async () => {
    throw new Error('relation "secrets" does not exist')
  }
  return {
    version: '0',
    dispatch: { admit: async () => ok({}), listBroadcasts: failing } as unknown as Dispatch,
    keys: {} as IdempotencyStore,
    service: {
      health: async () => ({ status: 'ok', version: '1', checks: {} }) as never,
      isWatched: () => false,
      metrics: async () => ({ contentType: 'text/plain', page: '' }),
    },
    refresh: failing,
    limits: { ofUser: () => undefined, ofAddress: () => undefined },
    verifyToken: createTokenVerifier({ secret: TEST_SECRET }),
    corsOrigins: [],
    log: pino({ level: 'error' }, { write }),
  }
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('every answer', () => {
  test('has a request id: the caller’s own, unless it could forge a log line', async () => {
    const idOf = async (given?: string) => {
      const headers = given === undefined ? {} : { 'x-request-id': given }
      return (await call(app.url, 'GET', '/health/live', { headers })).headers.get('x-request-id')
    }
    expect(await idOf('my-id.1')).toBe('my-id.1')
    expect(await idOf()).toMatch(/^[0-9a-f-]{36}$/)
    expect(await idOf('x{"level":60}')).toMatch(/^[0-9a-f-]{36}$/)
    expect(await idOf('x'.repeat(65))).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('reveals nothing of its software, and lets no browser guess content types', async () => {
    const { headers } = await customer.get('/api/v1/broadcasts')
    expect(headers.get('x-powered-by')).toBeNull()
    expect(headers.get('server')).toBeNull()
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  })
})

describe('pages of other origins', () => {
  const preflight = (origin: string) =>
    call(app.url, 'OPTIONS', '/api/v1/broadcasts', {
      headers: { origin, 'access-control-request-method': 'POST' },
    })

  test('may call when the settings name them', async () => {
    const allowed = await preflight('https://app.example')
    expect(allowed.status).toBe(204)
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(allowed.headers.get('access-control-allow-headers')).toContain('authorization')
    expect(allowed.headers.get('access-control-allow-credentials')).toBeNull()
    const answer = await call(app.url, 'GET', '/health/live', { headers: { origin: 'https://app.example' } })
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(answer.headers.get('access-control-expose-headers')).toContain('etag')
    expect(answer.headers.get('vary')).toMatch(/origin/i)
  })

  test('may not call otherwise', async () => {
    for (const origin of ['https://evil.example', 'https://app.example.evil.example', 'null']) {
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull()
    }
  })
})

describe('versions', () => {
  test('a request’s ETag is its version, for If-Match only: a browser’s copy never causes a 304', async () => {
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))
    const path = `/api/v1/broadcasts/${broadcast.id}`
    const first = await customer.get(path)
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toBe(`"${first.body.version}"`)
    const again = await call(app.url, 'GET', path, {
      headers: { authorization: `Bearer ${customer.token}`, 'if-none-match': etag },
    })
    expect(again.status).toBe(200)

    const stale = await customer.post(`${path}/events`, { type: 'cancel' }, { 'if-match': '"999"' })
    expect(stale).toMatchObject({ status: 412, body: { code: 'STALE_VERSION' } })
    // A proxy that compresses an answer makes its tag weak, and a weak tag matches nothing.
    const weak = await customer.post(`${path}/events`, { type: 'cancel' }, { 'if-match': `W/${etag}` })
    expect(weak).toMatchObject({ status: 412, body: { code: 'STALE_VERSION', version: first.body.version } })
    const current = await customer.post(`${path}/events`, { type: 'cancel' }, { 'if-match': etag })
    expect(current).toMatchObject({ status: 200, body: { outcome: 'applied' } })
  })

  test('an id in upper case is the same request', async () => {
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))
    const path = `/api/v1/broadcasts/${broadcast.id.toUpperCase()}`
    expect((await customer.get(path)).body.id).toBe(broadcast.id)
    expect((await customer.post(`${path}/events`, { type: 'cancel' })).body.broadcast.id).toBe(broadcast.id)
  })
})

describe('a fleet', () => {
  test('is registered, listed, changed and cleared', async () => {
    const { transporter, driverId, vehicleId } = await registerTruck(app.url, 'fleet')
    const fleet = '/api/v1/transporter'
    const put = await transporter.put(`${fleet}/drivers/${driverId}`, { name: 'Ravi' })
    expect(put).toMatchObject({
      status: 200,
      body: { id: driverId, name: 'Ravi', isOnline: false, isBusy: false },
    })
    expect(put.body).not.toHaveProperty('isNew')
    const fresh = await transporter.put(`${fleet}/drivers/d:2`, { name: 'New' })
    expect(fresh.status).toBe(201)
    expect((await transporter.get(fresh.headers.get('location') ?? '')).body).toMatchObject({ id: 'd:2' })
    expect((await transporter.get(`${fleet}/vehicles`)).body).toMatchObject({
      items: [{ id: vehicleId, vehicleType: '14ft', isBusy: false }],
      nextCursor: null,
    })
    const deleted = await transporter.delete(`${fleet}/drivers/${driverId}`)
    expect(deleted).toMatchObject({ status: 204, body: '' })
    expect((await transporter.get(`${fleet}/drivers/${driverId}`)).status).toBe(404)

    const rival = await createClient(app.url, 'transporter', 't-rival')
    expect(
      await rival.put(`${fleet}/vehicles/${vehicleId}`, { vehicleType: '14ft', number: 'X' }),
    ).toMatchObject({
      status: 409,
      body: { code: 'VEHICLE_TAKEN' },
    })
    expect((await rival.get(`${fleet}/drivers/d:2`)).status).toBe(404)
  })

  test('its transporter may change its availability ten times in five minutes', async () => {
    const transporter = await createClient(app.url, 'transporter', 't-fickle')
    const toggle = (isAvailable: boolean) =>
      transporter.put('/api/v1/transporter/availability', { isAvailable })
    for (let i = 0; i < 10; i += 1) {
      expect((await toggle(i % 2 === 0)).body).toEqual({ isAvailable: i % 2 === 0 })
      expect((await toggle(i % 2 === 0)).status).toBe(200)
    }
    const refused = await toggle(true)
    expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(300)
  })
})

test('requests and responses have Express’s prototypes from the start, so that none is changed', async () => {
  const { listener, messages = {} } = createHttpApp(appOptions())
  const prototypes: boolean[] = []
  const server = createServer(messages, (req, res) => {
    const before = [Object.getPrototypeOf(req), Object.getPrototypeOf(res)]
    listener(req, res)
    prototypes.push(Object.getPrototypeOf(req) === before[0], Object.getPrototypeOf(res) === before[1])
  })
  const url = await listening(server)
  const { status } = await call(url, 'GET', '/health/live')
  server.close()
  expect({ status, prototypes }).toEqual({ status: 200, prototypes: [true, true] })
})

test('a path of any length makes a short log line', async () => {
  const logged: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) })
  const { listener } = createHttpApp({ ...appOptions(() => {}), log })
  const server = createServer(listener)
  const url = await listening(server)
  expect((await call(url, 'GET', `/${'x'.repeat(15_000)}`)).status).toBe(404)
  server.close()
  expect(logged.map(line => line.length < 1_000)).toEqual([true])
})

describe('an error of our own', () => {
  test('a defect: 500 with its request id, and nothing of its cause', async () => {
    const logged: string[] = []
    const { listener } = createHttpApp(appOptions(line => logged.push(line)))
    const server = createServer(listener)
    const url = await listening(server)
    const answer = await call(url, 'GET', '/api/v1/broadcasts', {
      headers: { authorization: `Bearer ${await tokenFor('customer', 'c1')}`, 'x-request-id': 'find-me' },
    })
    server.close()
    expect(answer.status).toBe(500)
    expect(answer.body).toEqual({
      type: 'urn:loadcast:problem:internal-error',
      title: 'Something went wrong on our side',
      status: 500,
      code: 'INTERNAL_ERROR',
      instance: '/api/v1/broadcasts',
    })
    expect(answer.headers.get('x-request-id')).toBe('find-me')
    expect(logged.join()).toContain('relation')
    expect(logged.join()).toContain('find-me')
  })

  test('without the database: UNAVAILABLE with Retry-After, health down; with it again: recovery', async () => {
    let proxy: DatabaseProxy | undefined
    const other = await startTestApp({
      env: { LOG_LEVEL: 'silent' },
      async route(connectionString) {
        proxy = await proxyDatabase(connectionString)
        return proxy.connectionString
      },
    })
    const client = await createClient(other.url, 'customer', 'c-away')
    const driver = await createClient(other.url, 'driver', 'd-away')
    await client.get('/api/v1/broadcasts')
    await proxy?.cut()
    const refused = [
      await client.post('/api/v1/broadcasts', asking(1)),
      await client.get('/api/v1/broadcasts'),
      await client.get('/api/v1/trips/01890a5d-ac96-774b-bcce-b302099a8057'),
      await driver.post('/api/v1/driver/heartbeat', { lat: 1, lng: 1 }),
    ]
    for (const answer of refused) {
      expect(answer).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } })
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect((await call(other.url, 'GET', '/health')).status).toBe(503)
    expect((await call(other.url, 'GET', '/health/live')).status).toBe(200)
    await proxy?.restore()
    expect((await client.post('/api/v1/broadcasts', asking(1))).status).toBe(201)
    await other.close()
    await proxy?.cut()
  })
})
