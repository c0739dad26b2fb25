import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { scaled } from '../../support/engine/pace.js'
import { findLost } from '../../support/weather/acknowledged.js'
import { findStuckCustomers } from '../../support/weather/after-failover.js'
import { expectCalm, expectHealthy } from '../../support/weather/calm.js'
import { useCleanups } from '../../support/weather/cleanups.js'
import { expectSoon } from '../../support/weather/eventually.js'
import { startWeatherLoad } from '../../support/weather/load.js'
import { startPair } from '../../support/weather/pair.js'
import { startWeatherProcesses } from '../../support/weather/processes.js'
import { findStaleViews } from '../../support/weather/views.js'

/*
 * Writes that the standby never received are acknowledged, then the primary dies. The processes keep running with outdated
 * caches: requests that they know as cancelled or filled are searching again, and others never existed.
 */

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const size = isLong ? { customers: 40, phaseMs: 10_000 } : { customers: 10, phaseMs: 500 }
/** "Within seconds": a customer notices no more than with a slow network. */
const UNSTUCK_WITHIN_MS = 20_000

const cleanUp = useCleanups()

test('R13.2 an asynchronous standby takes over: processes follow its data within seconds, and no request is stuck', async () => {
  const pair = await startPair({ isSynchronous: false })
  cleanUp(pair.close)
  // The deadline is after the failover, since requests that were cancelled search again then.
  const settings = { BROADCAST_TIMEOUT_SECONDS: String(scaled(size.phaseMs + 4_000) / 1_000) }
  const processes = await startWeatherProcesses(2, pair.connectionString, settings)
  cleanUp(processes.kill)
  const load = await startWeatherLoad({
    urls: () => processes.urls,
    query: pair.primary.query,
    customers: size.customers,
  })
  cleanUp(load.abandon)
  const goesOn = () => Promise.all([load.goesOn(), delay(size.phaseMs)])
  await goesOn()
  await pair.caughtUp()
  pair.cutReplication()
  await goesOn()
  await pair.failOver()
  const failedOverAt = Date.now()
  const { connectionString, query } = pair.standby
  await expectHealthy({ processes })
  await goesOn()
  await load.end()

  expect(load.failures).toEqual([])
  // The failover lost some writes, and the new history has some.
  expect(await findLost(query, load.acknowledged)).not.toEqual([])
  const after = load.acknowledged.filter(({ sentAt }) => sentAt > failedOverAt)
  expect(after.length).toBeGreaterThan(size.customers)
  // Later writes may build on one that was answered during the failover, so only requests of the new history are checked.
  const began = new Set(after.filter(({ what }) => what === 'create').map(({ broadcastId }) => broadcastId))
  expect(
    await findLost(
      query,
      after.filter(({ broadcastId }) => began.has(broadcastId)),
    ),
  ).toEqual([])
  expect(await findLost(query, after)).toEqual([])

  const overdue = `select id, status from instances where status in ('searching', 'partially_filled')
    and to_timestamp((snapshot #>> '{context,expiresAt}')::float8 / 1000) < now() - interval '2 seconds'`
  await expectSoon(() => query(overdue), [], UNSTUCK_WITHIN_MS)
  for (const turn of [processes.urls, [...processes.urls].reverse()]) {
    await expectSoon(() => findStuckCustomers(turn, query, load.customers), [], UNSTUCK_WITHIN_MS)
  }
  await expectCalm({ processes, connectionString, query })
  expect(await findStaleViews(processes.urls, query, load.acknowledged)).toEqual([])
  await processes.end()
})
