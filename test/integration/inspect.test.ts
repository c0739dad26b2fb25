import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect'
import { broadcastMachine } from '../../src/machines/index.js'
import { createClient } from '../support/clients.js'
import { until } from '../support/engine.js'
import { DROP, PICKUP } from '../support/fleet.js'
import { startTestApp, type TestApp } from '../support/server.js'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

let app: TestApp
let port: number
beforeAll(async () => {
  port = await freePort()
  app = await startTestApp({ env: { INSPECT: String(port) } })
})
afterAll(() => app.close())

it('R10.6 INSPECT shows live instances in the inspector: their diagram, their events, their states', async () => {
  const seen: StatelyInspectionEvent[] = []
  const receiver = createWebSocketReceiver({ server: `ws://localhost:${port}` })
  const subscription = receiver.subscribe(event => seen.push(event))
  const customer = await createClient(app.url, 'customer', 'c1')
  const create = { pickup: PICKUP, drop: DROP, trucks: [{ vehicleType: '14ft', count: 1 }] }
  // Whoever connects later is told what is there: nothing here depends on who was first.
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
