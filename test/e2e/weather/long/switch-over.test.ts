import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { until } from '../../../support/engine/engine.js'
import { findLost } from '../../../support/weather/acknowledged.js'
import { expectCalm, expectHealthy } from '../../../support/weather/calm.js'
import { useCleanups } from '../../../support/weather/cleanups.js'
import { startWeatherLoad } from '../../../support/weather/load.js'
import { startPair } from '../../../support/weather/pair.js'
import { startWeatherProcesses } from '../../../support/weather/processes.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const size = isLong
  ? { processes: 2, customers: 40, phaseMs: 10_000 }
  : { processes: 1, customers: 8, phaseMs: 1_500 }
const GOES_ON_WITHIN_MS = 20_000

const cleanUp = useCleanups()

test('R13.2 in a planned switch-over processes leave the former primary, and nothing is lost', async () => {
  const pair = await startPair({ isSynchronous: false })
  cleanUp(pair.close)
  const processes = await startWeatherProcesses(size.processes, pair.connectionString)
  cleanUp(processes.kill)
  const load = await startWeatherLoad({
    urls: () => processes.urls,
    query: pair.primary.query,
    customers: size.customers,
  })
  cleanUp(load.abandon)
  await delay(size.phaseMs)
  // Open connections are not cut, so a process must find out by itself that they lead to the wrong server.
  await pair.switchOver()
  const before = load.acknowledged.length
  await until(() => load.acknowledged.length > before + size.customers * 3, GOES_ON_WITHIN_MS)
  await expectHealthy({ processes })
  await delay(size.phaseMs)
  await load.end()

  expect(load.failures).toEqual([])
  const { connectionString, query } = pair.standby
  expect(await findLost(query, load.acknowledged)).toEqual([])
  await expectCalm({ processes, connectionString, query })
  // No process reads or listens there any more.
  const left = `select application_name, state from pg_stat_activity
    where application_name like 'loadcast%' and state <> 'idle'`
  expect(await pair.primary.query(left)).toEqual([])
  await processes.end()
})
