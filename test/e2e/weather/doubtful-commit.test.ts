import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { until } from '../../support/engine/engine.js'
import { findLost } from '../../support/weather/acknowledged.js'
import { expectCalm, expectHealthy } from '../../support/weather/calm.js'
import { useCleanups } from '../../support/weather/cleanups.js'
import { startWeatherLoad } from '../../support/weather/load.js'
import { startPair } from '../../support/weather/pair.js'
import { startWeatherProcesses } from '../../support/weather/processes.js'

/*
 * The synchronous standby is cut off, so commits wait for it. Their connections are ended, and Postgres makes them visible
 * although the standby does not have them. A process that resends such a commit finds it applied, but must not acknowledge
 * it yet.
 */

const CUSTOMERS = 6
const HUNG_WITHIN_MS = 20_000
/** Commits are resent for 8 s. */
const DOUBT_MS = 4_000

const cleanUp = useCleanups()

test('R13.2 a commit that reached only the primary is not acknowledged, however its connection ends', async () => {
  const pair = await startPair({ isSynchronous: true })
  cleanUp(pair.close)
  const processes = await startWeatherProcesses(1, pair.connectionString)
  cleanUp(processes.kill)
  const load = await startWeatherLoad({
    urls: () => processes.urls,
    query: pair.primary.query,
    customers: CUSTOMERS,
  })
  cleanUp(load.abandon)
  await load.goesOn()

  pair.cutReplication()
  const waiting = `select pid from pg_stat_activity where wait_event = 'SyncRep'`
  await until(async () => (await pair.primary.query(waiting)).length > 0, HUNG_WITHIN_MS)
  for (const until = Date.now() + DOUBT_MS; Date.now() < until; await delay(200)) {
    await pair.primary.query(`select pg_terminate_backend(pid) from (${waiting}) w`)
  }
  await pair.failOver()
  await expectHealthy({ processes })
  await load.end()

  expect(load.failures).toEqual([])
  const { connectionString, query } = pair.standby
  expect(await findLost(query, load.acknowledged)).toEqual([])
  await expectCalm({ processes, connectionString, query })
  await processes.end()
})
