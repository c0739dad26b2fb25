import { describe, expect, test } from '@jest/globals'
import { type DatabaseProxy, proxyDatabase } from '../../support/database/server-proxy.js'
import { until } from '../../support/engine/engine.js'
import { call, createClient, listen } from '../../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../../support/server/fleet.js'
import { startTestApp } from '../../support/server/server.js'
import { useTestApp } from '../../support/server/use-test-app.js'

const app = await useTestApp({ env: { TRUSTED_PROXIES: '1' } })

/** The value of a series with these labels, in any order; 0 if there is none. */
async function figure(
  name: string,
  labels: Readonly<Record<string, string>> = {},
  url = app.url,
): Promise<number> {
  const { body } = await call(url, 'GET', '/metrics')
  const lines = String(body)
    .split('\n')
    .filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  const fits = lines.filter(line => Object.entries(labels).every(([k, v]) => line.includes(`${k}="${v}"`)))
  return fits.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

describe('R9.5 /metrics', () => {
  test('counts the outcomes of events, the duration of commits and deliveries, and emits', async () => {
    const [first, second] = await Promise.all(
      ['first', 'second'].map(name => registerTruck(app.url, name, { isReady: true })),
    )
    if (first === undefined || second === undefined) throw new Error('two trucks were registered')
    const customer = await createClient(app.url, 'customer', 'c-metrics')
    const { body } = await customer.post('/api/v1/broadcasts', asking(1))
    const accepts = await Promise.all(
      [first, second].map(truck =>
        truck.transporter.post(`/api/v1/broadcast/${body.id}/accept`, acceptBody(truck)),
      ),
    )
    expect(accepts.map(({ status }) => status).sort()).toEqual([200, 409])
    const machine = 'broadcast'
    expect(await figure('loadcast_transitions_total', { machine, event: 'create', outcome: 'created' })).toBe(
      1,
    )
    expect(await figure('loadcast_transitions_total', { machine, event: 'accept', outcome: 'applied' })).toBe(
      1,
    )
    const answered = { route: 'acceptBroadcast', method: 'POST' }
    expect(await figure('loadcast_http_answers_total', { ...answered, status: '200', code: '' })).toBe(1)
    expect(
      await figure('loadcast_http_answers_total', {
        ...answered,
        status: '409',
        code: 'NO_LONGER_AVAILABLE',
      }),
    ).toBe(1)
    expect(await figure('loadcast_commit_seconds_count')).toBeGreaterThanOrEqual(2)
    expect(await figure('loadcast_commit_transitions_sum')).toBeGreaterThanOrEqual(2)
    for (const subscriber of ['reach', 'socket']) {
      await until(
        async () => (await figure('loadcast_deliveries_total', { subscriber, outcome: 'delivered' })) > 0,
      )
    }
    expect(await figure('loadcast_reach_transporters_total', { step: '1', outcome: 'offered' })).toBe(2)
    expect(await figure('loadcast_socket_emits_total', { type: 'new_broadcast' })).toBeGreaterThan(0)
    expect(await figure('loadcast_backlog_known')).toBe(1)
  })

  test('measures how late timers were', async () => {
    const customer = await createClient(app.url, 'customer', 'c-timer')
    const { body } = await customer.post('/api/v1/broadcasts', asking(1))
    await app.query(
      `update timers set due_at = now() - interval '3 seconds' where instance = $1 and send_id like '%broadcastTimeout%'`,
      [body.id],
    )
    const late = { machine: 'broadcast' }
    await until(async () => (await figure('loadcast_timer_lateness_seconds_sum', late)) >= 3)
  })

  test('shows the numbers of sockets and of database connections', async () => {
    const { token } = await createClient(app.url, 'customer', 'c-socket')
    const before = await figure('loadcast_sockets')
    const socket = await listen(app.url, token)
    expect(await figure('loadcast_sockets')).toBe(before + 1)
    socket.close()
    for (const pool of ['query', 'lookup', 'commit']) {
      // One may be at work in this very moment.
      await until(async () => (await figure('loadcast_pool_connections', { pool, state: 'idle' })) > 0)
    }
  })

  test('shows the backlog: deliveries, and dead letters of deliveries and timers', async () => {
    const customer = await createClient(app.url, 'customer', 'c-dead')
    const { body } = await customer.post('/api/v1/broadcasts', asking(1))
    await app.query(
      `insert into dead_letters (instance, version, index, subscriber, attempts, error)
       select instance, version, index, 'socket', 10, 'made by a test' from events where instance = $1 limit 1`,
      [body.id],
    )
    // To a subscriber that nobody here is: it waits for ever.
    await app.query(
      `insert into outbox (instance, version, index, subscriber, due_at)
       select instance, version, index, 'nobody', now() - interval '1 minute' from events where instance = $1 limit 1`,
      [body.id],
    )
    const timer = `update timers set parked = 'dead', due_at = 'infinity', dead_letter = 1 where instance = $1
      and send_id like '%broadcastTimeout%'`
    await app.query(timer, [body.id])
    await until(async () => (await figure('loadcast_dead_letters')) === 1)
    await until(async () => (await figure('loadcast_dead_timers')) === 1)
    const health = await call(app.url, 'GET', '/health')
    expect(health.body.checks.timers).toMatchObject({ dead: 1 })
    await until(async () => (await figure('loadcast_outbox_age_seconds')) >= 60)
    expect(await figure('loadcast_outbox_depth')).toBeGreaterThanOrEqual(1)
  })

  test('is available only to direct callers of the process: through the balancer it is 404', async () => {
    const headers = { 'x-forwarded-for': '198.51.100.1' }
    expect(await call(app.url, 'GET', '/metrics', { headers })).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND' },
    })
    const { status, headers: answered } = await call(app.url, 'GET', '/metrics')
    expect([status, answered.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')])
  })

  test('no label holds a value that a client chose', async () => {
    await call(app.url, 'GET', '/no/such/path-of-a-stranger')
    const { body } = await call(app.url, 'GET', '/metrics')
    expect(body).not.toMatch(/path-of-a-stranger|c-metrics|t-first/)
    expect(await figure('loadcast_http_answers_total', { route: 'none', status: '404' })).toBeGreaterThan(0)
  })

  test('answers without the database too, and reports that it is unavailable', async () => {
    let proxy: DatabaseProxy | undefined
    const other = await startTestApp({
      env: { LOG_LEVEL: 'silent' },
      async route(connectionString) {
        proxy = await proxyDatabase(connectionString)
        return proxy.connectionString
      },
    })
    expect(await figure('loadcast_backlog_known', {}, other.url)).toBe(1)
    await proxy?.cut()
    await until(async () => (await figure('loadcast_backlog_known', {}, other.url)) === 0, 20_000)
    await proxy?.restore()
    await until(async () => (await figure('loadcast_backlog_known', {}, other.url)) === 1, 20_000)
    await other.close()
    await proxy?.cut()
  })
})
