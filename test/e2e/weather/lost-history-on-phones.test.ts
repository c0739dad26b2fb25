import { expect, test } from '@jest/globals'
import { createClient as createApp } from '../../../src/client/index.js'
import { until } from '../../support/engine/engine.js'
import { createClient } from '../../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../../support/server/fleet.js'
import { useCleanups } from '../../support/weather/cleanups.js'
import { expectSoon } from '../../support/weather/eventually.js'
import { startPair } from '../../support/weather/pair.js'
import { startWeatherProcesses } from '../../support/weather/processes.js'

/*
 * A failover loses an accept that the customer's app has already shown. Then another transporter accepts, and that
 * transition gets the same version as the lost one.
 */

const SHOWN_WITHIN_MS = 20_000

const cleanUp = useCleanups()

test('R13.2 phones show the events after a failover, even if they had shown a lost history', async () => {
  const pair = await startPair({ isSynchronous: false })
  cleanUp(pair.close)
  // Only the accepts change the request.
  const settings = { BROADCAST_TIMEOUT_SECONDS: '120', REACH_STEP_SECONDS: '120' }
  const processes = await startWeatherProcesses(1, pair.connectionString, settings)
  cleanUp(processes.kill)
  const [url] = processes.urls as [string]
  const lost = await registerTruck(url, 'lost')
  const kept = await registerTruck(url, 'kept')
  const customer = await createClient(url, 'customer', 'watching')
  const app = createApp({ url, token: customer.token })
  cleanUp(() => app.close())
  const confirmed: (string | undefined)[] = []
  const updates: unknown[] = []
  app.on('event', event => {
    if (event.type === 'truck_confirmed') confirmed.push(event.tripId)
    if (event.type === 'booking_updated') updates.push(event.data.trucksFilled)
  })
  await app.connect()
  const { body: request } = await customer.post('/api/v1/broadcasts', asking(3))
  const accept = async (truck: typeof lost): Promise<string> => {
    const path = `/api/v1/broadcast/${request.id}/accept`
    let answer = await truck.transporter.post(path, acceptBody(truck))
    await until(async () => {
      if (answer.status === 503) answer = await truck.transporter.post(path, acceptBody(truck))
      return answer.status !== 503
    }, SHOWN_WITHIN_MS)
    expect(answer.status).toBe(200)
    return answer.body.assignment.tripId
  }
  await pair.caughtUp()
  pair.cutReplication()
  const lostTrip = await accept(lost)
  await expectSoon(() => confirmed, [lostTrip], SHOWN_WITHIN_MS)
  await pair.failOver()

  const keptTrip = await accept(kept)
  const [held] = await pair.standby.query('select version from instances where id = $1', [request.id])
  expect(held).toEqual({ version: 2 })
  await expectSoon(() => confirmed, [lostTrip, keptTrip], SHOWN_WITHIN_MS)
  // The request itself, the accept that was lost, and the one that was kept.
  expect(updates).toEqual([0, 1, 1])
})
