import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { findLost } from '../../../support/weather/acknowledged.js'
import { expectCalm, expectHealthy, healthOf } from '../../../support/weather/calm.js'
import { useCleanups } from '../../../support/weather/cleanups.js'
import { expectSoon } from '../../../support/weather/eventually.js'
import { startWeatherLoad } from '../../../support/weather/load.js'
import { startPair } from '../../../support/weather/pair.js'
import { startWeatherProcesses } from '../../../support/weather/processes.js'

/* The address already leads to the standby, which is promoted later. Until then it serves reads and refuses LISTEN. */

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const size = isLong ? { customers: 30, standbyMs: 30_000 } : { customers: 6, standbyMs: 3_000 }
const NOTICED_WITHIN_MS = 20_000

const cleanUp = useCleanups()

test('R13.1 R13.2 while the address leads to a standby, no process ends and a start waits; promotion restores service', async () => {
  const pair = await startPair({ isSynchronous: true })
  cleanUp(pair.close)
  const processes = await startWeatherProcesses(1, pair.connectionString)
  cleanUp(processes.kill)
  const { connectionString, query } = pair.standby
  const load = await startWeatherLoad({
    urls: () => processes.urls,
    query: pair.primary.query,
    customers: size.customers,
  })
  cleanUp(load.abandon)
  await delay(1_000)
  await pair.losePrimary()
  const late = processes.start().then(() => 'up', String)
  await expectSoon(() => healthOf(processes.urls), ['down'], NOTICED_WITHIN_MS)
  await delay(size.standbyMs)
  expect(processes.dead()).toEqual([])

  await pair.promote()
  expect(await late).toBe('up')
  await expectHealthy({ processes })
  await delay(1_000)
  await load.end()
  expect(load.failures).toEqual([])
  expect(await findLost(query, load.acknowledged)).toEqual([])
  await expectCalm({ processes, connectionString, query })
  // Each process has one connection to listen for wake-ups and one to send them: none leaked while LISTEN was refused.
  const listening = `select count(*)::int as count from pg_stat_activity where application_name = 'loadcast wakeups'`
  const [row] = await query<{ count: number }>(listening)
  expect(row?.count).toBeLessThanOrEqual(processes.urls.length * 2)
  await processes.end()
})
