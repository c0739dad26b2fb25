import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { until } from '../../support/engine/engine.js'
import { call, createClient } from '../../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../../support/server/fleet.js'
import { drawTree, type OtlpReceiver, startOtlpReceiver } from '../../support/server/otlp-receiver.js'
import { startTestApp, type TestApp } from '../../support/server/server.js'

const HOUR = '3600'
let receiver: OtlpReceiver
let app: TestApp

const environment = () => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
  BROADCAST_TIMEOUT_SECONDS: HOUR,
  REACH_STEP_SECONDS: HOUR,
})

beforeAll(async () => {
  receiver = await startOtlpReceiver()
  app = await startTestApp({ env: environment() })
})
afterAll(async () => {
  await app.close()
  await receiver.close()
})

const treeOf = (traceId: string) => receiver.spans.filter(span => span.traceId === traceId)

describe('R9.5 a trace', () => {
  test('is one tree, from the request through its commit to every delivery', async () => {
    const truck = await registerTruck(app.url, 'traced', { isReady: true })
    const customer = await createClient(app.url, 'customer', 'c-traced')
    const { body: broadcast } = await customer.post('/api/v1/broadcasts', asking(1))
    await truck.transporter.post(`/api/v1/broadcast/${broadcast.id}/accept`, acceptBody(truck))
    const accepted = await receiver.span(
      span => span.name === 'transition' && span.attributes['loadcast.instance'] === broadcast.id,
    )
    expect(accepted.attributes).toMatchObject({ 'loadcast.event': 'accept', 'loadcast.outcome': 'applied' })
    await until(() => treeOf(accepted.traceId).some(span => span.kind === 2 && span.parentSpanId === ''))
    await until(() => treeOf(accepted.traceId).filter(span => span.name === 'deliver socket').length >= 2)
    const tree = drawTree(treeOf(accepted.traceId), false).split('\n')
    expect(tree[0]).toBe('POST /api/v1/broadcast/:id/accept')
    expect(tree[1]).toBe('  transition')
    expect(tree.slice(2)).toContain('    commit')
    expect(tree.slice(2)).toContain('    deliver socket')

    const created = await receiver.span(
      span => span.name === 'create' && span.attributes['loadcast.instance'] === broadcast.id,
    )
    await until(() => treeOf(created.traceId).some(span => span.name === 'deliver reach'))
    expect(drawTree(treeOf(created.traceId), false)).toContain('POST /api/v1/broadcasts\n  create\n')
  })

  test('continues the caller’s trace, and is named in the journal and for an administrator', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const customer = await createClient(app.url, 'customer', 'c-caller')
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
    const { body } = await customer.post('/api/v1/broadcasts', asking(1), { traceparent })
    const created = await receiver.span(span => span.name === 'create' && span.traceId === traceId)
    const admin = await createClient(app.url, 'admin', 'a1')
    const { body: instance } = await admin.get(`/api/v1/admin/instances/${body.id}`)
    expect(instance.journal.at(-1).actor.trace).toBe(`00-${traceId}-${created.spanId}-01`)
    const { body: history } = await admin.get(`/api/v1/broadcasts/${body.id}/history`)
    expect(history.items[0].actor.trace).toContain(traceId)
    // The customer is not bothered with it.
    const { body: own } = await customer.get(`/api/v1/broadcasts/${body.id}/history`)
    expect(own.items[0].actor).toEqual({ id: 'c-caller', role: 'customer' })
  })

  test.each(['00-0-0-01', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, 'x'.repeat(1_000)])(
    '%s is ignored: a new trace begins',
    async traceparent => {
      const before = receiver.spans.length
      await call(app.url, 'GET', '/openapi.json', { headers: { traceparent } })
      await until(() => receiver.spans.slice(before).some(span => span.name === 'GET /openapi.json'))
      expect(receiver.spans.slice(before).find(span => span.name === 'GET /openapi.json')?.parentSpanId).toBe(
        '',
      )
    },
  )

  test('of a timer begins with it', async () => {
    const customer = await createClient(app.url, 'customer', 'c-timer')
    const { body } = await customer.post('/api/v1/broadcasts', asking(1))
    await app.query(
      `update timers set due_at = now() where instance = $1 and send_id like '%broadcastTimeout%'`,
      [body.id],
    )
    const fired = await receiver.span(
      span => span.name === 'timer' && span.attributes['loadcast.instance'] === body.id,
    )
    await until(() => treeOf(fired.traceId).some(span => span.name === 'deliver socket'))
    expect(fired.parentSpanId).toBe('')
    expect(drawTree(treeOf(fired.traceId), false)).toMatch(/^timer\n( {2}\S.*\n)* {2}commit/)
  })

  test('of an event that a dead process left is continued by the process that delivers it', async () => {
    let release = () => {}
    const released = new Promise<void>(resolve => {
      release = resolve
    })
    let isHanging = true
    let sweeperStopped = () => {}
    const stopped = new Promise<void>(resolve => {
      sweeperStopped = resolve
    })
    const dying = await startTestApp({
      env: environment(),
      database: app.database,
      // As if it had died between its commit and the delivery: it comes back when all is over.
      faults: async point => {
        if (!isHanging) return
        if (point === 'outbox.leased') sweeperStopped()
        if (point === 'delivery.before' || point === 'outbox.leased') await released
      },
    })
    try {
      await stopped
      const customer = await createClient(dying.url, 'customer', 'c-dying')
      const { body } = await customer.post('/api/v1/broadcasts', asking(1))
      const created = await receiver.span(
        span => span.name === 'create' && span.attributes['loadcast.instance'] === body.id,
      )
      const delivered = await receiver.span(
        span => span.name === 'deliver reach' && span.attributes['loadcast.instance'] === body.id,
      )
      expect(delivered).toMatchObject({ traceId: created.traceId, parentSpanId: created.spanId })
      expect(delivered.instanceId).not.toBe(created.instanceId)
      process.stdout.write(`${drawTree(treeOf(created.traceId))}\n`)
    } finally {
      isHanging = false
      release()
      await dying.close()
    }
  })

  test('that is not kept leaves nothing: no span, no mark in the journal', async () => {
    const quiet = await startTestApp({ env: { ...environment(), OTEL_TRACES_SAMPLER_ARG: '0' } })
    const customer = await createClient(quiet.url, 'customer', 'c-quiet')
    const traceparent = '00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const { body } = await customer.post('/api/v1/broadcasts', asking(1), { traceparent })
    await quiet.query('select 1')
    const rows = await quiet.query<{ actor: object }>(
      'select actor_json as actor from journal where instance = $1',
      [body.id],
    )
    expect(rows.map(({ actor }) => actor)).toEqual([{ id: 'c-quiet', role: 'customer' }])
    await quiet.close()
    expect(receiver.spans.filter(span => span.attributes['loadcast.instance'] === body.id)).toEqual([])
  })

  test('that cannot be sent delays nobody', async () => {
    const alone = await startTestApp({
      env: { ...environment(), OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', LOG_LEVEL: 'silent' },
    })
    const customer = await createClient(alone.url, 'customer', 'c-alone')
    expect((await customer.post('/api/v1/broadcasts', asking(1))).status).toBe(201)
    await alone.close()
  })
})
