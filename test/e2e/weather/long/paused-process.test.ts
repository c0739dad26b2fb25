import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { until } from '../../../support/engine/engine.js'
import { createClient } from '../../../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../../../support/server/fleet.js'
import { findLost } from '../../../support/weather/acknowledged.js'
import { expectCalm, expectHealthy } from '../../../support/weather/calm.js'
import { useCleanups } from '../../../support/weather/cleanups.js'
import { expectSoon } from '../../../support/weather/eventually.js'
import { latestTimerMs } from '../../../support/weather/lateness.js'
import { startWeatherLoad } from '../../../support/weather/load.js'
import { findStaleViews } from '../../../support/weather/views.js'
import { startWorld } from '../../../support/weather/world.js'

/*
 * One of three processes is stopped (SIGSTOP) for longer than its leases. Meanwhile others take over its work, and calls
 * queue up in its sockets. When it resumes, it must not act on outdated state.
 */

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
/** Short: longer than the leases of timers (3 s) and deliveries (5 s). Long: longer than the process lease too (15 s). */
const size = isLong ? { customers: 30, pauseMs: 25_000 } : { customers: 9, pauseMs: 10_000 }
/** Shorter than the pause, and longer than the preparation takes on a busy machine. */
const TIMEOUT_SECONDS = 7
const PROCESSES = 3
const REQUESTS_COMPARED = 50

const cleanUp = useCleanups()

test('R13.3 a process that was paused beyond its leases does no harm when it resumes', async () => {
  const world = await startWorld(PROCESSES, { BROADCAST_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS) })
  cleanUp(world.close)
  const { processes, query } = world
  const [paused, other] = processes.urls as [string, string]
  const load = await startWeatherLoad({
    urls: () => processes.urls,
    query,
    customers: size.customers,
    giveUpAfterMs: 1_500,
  })
  cleanUp(load.abandon)
  // Requests that the process knows and that other processes change meanwhile.
  const truck = await registerTruck(paused, 'paused')
  const cancelling = await createClient(paused, 'customer', 'cancelling')
  const expiring = await createClient(paused, 'customer', 'expiring')
  const elsewhere = await createClient(other, 'customer', 'cancelling')
  const victim = processes.all[0]?.pid ?? 0
  await until(() => load.acknowledged.length > size.customers)
  const { body: cancelled } = await cancelling.post('/api/v1/broadcasts', asking(1))
  const { body: expired } = await expiring.post('/api/v1/broadcasts', asking(1))

  const pausedAt = new Date()
  process.kill(victim, 'SIGSTOP')
  const accept = ({ id }: { id: string }) =>
    truck.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(truck))
  const queued = Promise.all([accept(cancelled), accept(expired)])
  const second = cancelling.post('/api/v1/broadcasts', asking(3))
  for (const call of [queued, second]) call.catch(() => {}) // thrown where they are waited for
  const cancel = await elsewhere.post(`/api/v1/broadcasts/${cancelled.id}/events`, { type: 'cancel' })
  expect(cancel.status).toBe(200)
  const { body: first, status } = await elsewhere.post('/api/v1/broadcasts', asking(2))
  expect(status).toBe(201)
  const before = load.acknowledged.length
  await delay(size.pauseMs)
  const during = load.acknowledged.length - before
  process.kill(victim, 'SIGCONT')

  const [late, tooLate] = await queued
  expect(late.body.code).toBe('BROADCAST_CANCELLED')
  expect(tooLate.body.code).toBe('BROADCAST_EXPIRED')
  // The customer's newer request may have ended by its deadline; then the queued create is valid.
  const { status: answered, body } = await second
  expect(answered === 201 || body.code === 'ACTIVE_BROADCAST_EXISTS').toBe(true)
  await expectHealthy(world)
  await load.end()

  expect(load.failures).toEqual([])
  expect(during).toBeGreaterThan(size.customers)
  // The other two fired its timers: none waited until it resumed.
  expect(await latestTimerMs(query, pausedAt)).toBeLessThan(size.pauseMs)
  expect(await findLost(query, load.acknowledged)).toEqual([])
  await expectCalm(world)
  await expectSoon(async () => (await query('select from processes')).length, PROCESSES, size.pauseMs)
  const requests = [
    ...load.acknowledged.slice(-REQUESTS_COMPARED),
    ...[cancelled, first].map(({ id }) => ({ broadcastId: id, customerId: cancelling.id })),
  ]
  expect(await findStaleViews(processes.urls, query, requests)).toEqual([])
  await processes.end()
})
