import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect'
import { WebSocket } from 'ws'
import { broadcastMachine } from '../../../src/machines/index.js'
import { until } from '../../support/engine/engine.js'
import { createClient } from '../../support/server/clients.js'
import { DROP, PICKUP } from '../../support/server/fleet.js'
import { startTestApp, type TestApp } from '../../support/server/server.js'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

let app: TestApp
let port: number
/** Where a viewer connects, with the token. */
let watched: URL
beforeAll(async () => {
  port = await freePort()
  app = await startTestApp({ env: { INSPECT: String(port) } })
  watched = new URL(app.inspectUrl ?? '')
  watched.protocol = 'ws:'
})
afterAll(() => app.close())

it('R10.6 INSPECT shows live instances in the inspector: their diagram, their events, their states', async () => {
  const seen: StatelyInspectionEvent[] = []
  const receiver = createWebSocketReceiver({ server: watched.href })
  const subscription = receiver.subscribe(event => seen.push(event))
  const customer = await createClient(app.url, 'customer', 'c1')
  const create = { pickup: PICKUP, drop: DROP, trucks: [{ vehicleType: '14ft', count: 1 }] }
  // Later viewers get the kept events, so the order of connecting does not matter.
  const { body } = await customer.post('/api/v1/broadcasts', create)
  await customer.post(`/api/v1/broadcasts/${body.id}/events`, { type: 'cancel' })
  const values = () =>
    seen.flatMap(event => (event.type === '@xstate.snapshot' ? [JSON.stringify(event.snapshot)] : []))
  await until(() => values().some(text => text.includes('"lifecycle":"cancelled"')))
  const actor = seen.find(event => event.type === '@xstate.actor')
  expect(actor).toMatchObject({ sessionId: body.id })
  expect(JSON.parse(actor?.type === '@xstate.actor' ? (actor.definition ?? '{}') : '{}')).toMatchObject(
    JSON.parse(JSON.stringify(broadcastMachine.config)),
  )
  const events = seen.flatMap(event => (event.type === '@xstate.event' ? [event.event.type] : []))
  expect(events).toContain('cancel')
  subscription.unsubscribe()
})

it('R11.4 nobody sees an instance in the inspector without its token', async () => {
  for (const token of ['', '?token=', '?token=guess', `?token=${watched.searchParams.get('token')}x`]) {
    const page = await fetch(`http://127.0.0.1:${port}/${token}`)
    expect([page.status, await page.text()]).toEqual([401, expect.stringContaining('holds a token')])
    const viewer = new WebSocket(`ws://127.0.0.1:${port}/${token}`)
    const refused = await new Promise(resolve => {
      viewer.once('unexpected-response', (_, { statusCode }) => resolve(statusCode))
      viewer.once('open', () => resolve('open'))
    })
    expect(refused).toBe(401)
  }
  expect((await fetch(app.inspectUrl ?? '')).status).toBe(200)
})

it('R11.4 the inspector listens only on the address in HOST', async () => {
  const others = Object.values(networkInterfaces()).flatMap(addresses =>
    (addresses ?? []).filter(({ internal }) => !internal).map(({ address }) => address),
  )
  expect(watched.hostname).toBe('127.0.0.1')
  for (const host of others) {
    const outcome = await new Promise(resolve => {
      const socket = connect({ host, port })
      socket.once('connect', () => resolve('connected')).once('error', () => resolve('refused'))
    })
    expect([host, outcome]).toEqual([host, 'refused'])
  }
})
