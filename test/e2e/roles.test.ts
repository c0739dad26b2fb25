import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createTestDatabase, type TestDatabase } from '../support/database/postgres.js'
import { until } from '../support/engine/engine.js'
import { hasOpenssl, makeCertificates } from '../support/network/certificates.js'
import { type RedisServer, redisForTests, startRedisServer } from '../support/redis/redis.js'
import { call, createClient, listen } from '../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../support/server/fleet.js'
import { findViolations, processEnvironment } from '../support/server/server.js'
import { type ServerProcess, startServerProcess } from '../support/server/server-process.js'

/* One process serves requests, another fires timers. Redis is between them, over TLS if openssl is installed. */

const TIMEOUT_SECONDS = 1
const { describeWithRedis } = await redisForTests()

describeWithRedis('an api and a worker', () => {
  let redis: RedisServer
  let database: TestDatabase
  let environment: Readonly<Record<string, string>>
  let api: ServerProcess
  let worker: ServerProcess

  const start = (role: string) => startServerProcess({ ...environment, ROLE: role })

  beforeAll(async () => {
    const certificates = (await hasOpenssl()) ? await makeCertificates() : undefined
    redis = await startRedisServer(certificates === undefined ? {} : { tls: certificates })
    database = await createTestDatabase()
    environment = {
      ...processEnvironment,
      DATABASE_URL: database.connectionString,
      REDIS_URL: redis.url,
      BROADCAST_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS),
      ...(certificates === undefined ? {} : { NODE_EXTRA_CA_CERTS: certificates.caFile }),
    }
    ;[api, worker] = await Promise.all([start('api'), start('worker')])
  })

  afterAll(async () => {
    await Promise.all([api?.end('SIGTERM'), worker?.end('SIGTERM')])
    await database?.drop()
    await redis?.stop()
  })

  test('R7.1 events of the worker reach the sockets of the api', async () => {
    const customer = await createClient(api.url, 'customer', 'waiting')
    const listener = await listen(api.url, customer.token)
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1, 'nobody_has_this'))
    const ended = await listener.next('no_vehicles_available', () => true, 20_000)
    expect(ended).toMatchObject({ broadcastId: broadcast.id, data: { title: 'No transporters found' } })
    listener.close()
  })

  test('the api works alone: an offer, an accept, its announcement', async () => {
    const truck = await registerTruck(api.url, 'near', { isReady: true })
    const captain = await listen(api.url, truck.transporter.token)
    const customer = await createClient(api.url, 'customer', 'served')
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))
    await captain.next('new_broadcast', event => event.broadcastId === broadcast.id)
    const accepted = await truck.transporter.post(
      `/api/v1/broadcast/${broadcast.id}/accept`,
      acceptBody(truck),
    )
    expect(accepted.body).toMatchObject({ assignment: { isFullyFilled: true } })
    captain.close()
  })

  test('a worker reports its health, and accepts neither requests nor sockets', async () => {
    const health = await call(worker.url, 'GET', '/health')
    expect(health).toMatchObject({
      status: 200,
      body: { checks: { redis: { sockets: 'joined' } } },
    })
    const customer = await createClient(worker.url, 'customer', 'lost')
    // Not by the customer's own call: the document speaks of processes that take requests.
    const headers = { authorization: `Bearer ${customer.token}`, 'content-type': 'application/json' }
    const body = JSON.stringify(asking(1))
    const refused = await fetch(`${worker.url}/api/v1/broadcasts`, { method: 'POST', headers, body })
    expect([refused.status, await refused.json()]).toMatchObject([404, { code: 'NOT_FOUND' }])
    await expect(listen(worker.url, customer.token)).rejects.toThrow()
    expect((await call(worker.url, 'GET', '/socket.io/?EIO=4&transport=polling')).status).toBe(404)
  })

  test('R5.2 without a worker no timer fires; the next worker fires them all', async () => {
    expect(await worker.end('SIGTERM')).toBe(0)
    const customer = await createClient(api.url, 'customer', 'patient')
    const listener = await listen(api.url, customer.token)
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1, 'nobody_has_this'))
    await until(() => Date.now() > Date.parse(broadcast.expiresAt) + 500)
    expect((await customer.get(`/api/v1/broadcasts/${broadcast.id}`)).body.status).toBe('searching')
    worker = await start('worker')
    await listener.next('no_vehicles_available', event => event.broadcastId === broadcast.id, 20_000)
    listener.close()
  })

  test('both end in order, and leave no invariant broken', async () => {
    expect(await Promise.all([api.end('SIGTERM'), worker.end('SIGTERM')])).toEqual([0, 0])
    expect(await findViolations(database.connectionString)).toEqual([])
    for (const { output } of [api, worker]) expect(output()).not.toMatch(/"level":[56]0/)
  })
})
