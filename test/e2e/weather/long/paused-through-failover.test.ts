import { expect, test } from '@jest/globals'
import { until } from '../../../support/engine/engine.js'
import { createClient } from '../../../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../../../support/server/fleet.js'
import { expectCalm, expectHealthy } from '../../../support/weather/calm.js'
import { useCleanups } from '../../../support/weather/cleanups.js'
import { startPair } from '../../../support/weather/pair.js'
import { startWeatherProcesses } from '../../../support/weather/processes.js'
import { findStaleViews } from '../../../support/weather/views.js'

/*
 * A process acknowledges writes that the standby never receives, and is stopped. It sleeps through the failover, while the
 * new history changes the same requests and even reaches the same versions.
 */

const PATIENCE_MS = 20_000

const cleanUp = useCleanups()

test('R13.2 R13.3 a process that was paused during a failover acts on the database, not on its memory', async () => {
  const pair = await startPair({ isSynchronous: false })
  cleanUp(pair.close)
  // Only the calls of this test change the requests.
  const settings = { BROADCAST_TIMEOUT_SECONDS: '120', REACH_STEP_SECONDS: '120' }
  const processes = await startWeatherProcesses(2, pair.connectionString, settings)
  cleanUp(processes.kill)
  const [awake, asleep] = processes.urls as [string, string]
  const truck = await registerTruck(asleep, 'slept')
  const ids = ['accepted', 'cancelled', 'never'] as const
  const here = await Promise.all(ids.map(id => createClient(asleep, 'customer', id)))
  const there = await Promise.all(ids.map(id => createClient(awake, 'customer', id)))
  const [accepted, cancelled, never] = here as [(typeof here)[0], (typeof here)[0], (typeof here)[0]]
  const { body: first } = await accepted.post('/api/v1/broadcasts', asking(2))
  const { body: second } = await cancelled.post('/api/v1/broadcasts', asking(2))
  const cancel = { type: 'cancel' }
  const events = ({ id }: { id: string }) => `/api/v1/broadcasts/${id}/events`

  await pair.caughtUp()
  pair.cutReplication()
  for (const [customer, request] of [
    [accepted, first],
    [cancelled, second],
  ] as const) {
    expect((await customer.post(events(request), cancel)).body).toMatchObject({
      outcome: 'applied',
      version: 2,
    })
  }
  expect((await never.post('/api/v1/broadcasts', asking(1))).status).toBe(201)
  const pid = processes.all[1]?.pid ?? 0
  process.kill(pid, 'SIGSTOP')
  await pair.failOver()
  // The new history brings one of them to the version at which the process knows it as cancelled.
  const other = await createClient(awake, 'transporter', truck.transporter.id)
  const accept = () => other.post(`/api/v1/broadcast/${first.id}/accept`, acceptBody(truck))
  await until(async () => (await accept()).status !== 503, PATIENCE_MS)
  process.kill(pid, 'SIGCONT')

  await expectHealthy({ processes })
  const { connectionString, query } = pair.standby
  const requests = [
    { broadcastId: first.id, customerId: accepted.id },
    { broadcastId: second.id, customerId: cancelled.id },
  ]
  expect(await findStaleViews(processes.urls, query, requests)).toEqual([])
  expect((await accepted.post(events(first), cancel)).body).toMatchObject({ outcome: 'applied', version: 3 })
  expect((await cancelled.post(events(second), cancel)).body).toMatchObject({
    outcome: 'applied',
    version: 2,
  })
  // Each customer can create a request on any process, including the one whose request was lost.
  for (const customer of [accepted, cancelled, never, ...there]) {
    const { status, body } = await customer.post('/api/v1/broadcasts', asking(3))
    expect([200, 201]).toContain(status)
    expect((await customer.post(events(body), cancel)).status).toBe(200)
  }
  await expectCalm({ processes, connectionString, query })
  await processes.end()
})
