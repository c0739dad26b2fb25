import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { findLost } from '../../support/weather/acknowledged.js'
import { expectCalm } from '../../support/weather/calm.js'
import { useCleanups } from '../../support/weather/cleanups.js'
import { startWeatherLoad } from '../../support/weather/load.js'
import { startPair } from '../../support/weather/pair.js'
import { startWeatherProcesses } from '../../support/weather/processes.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const size = isLong
  ? { processes: 3, customers: 40, phaseMs: 15_000 }
  : { processes: 1, customers: 8, phaseMs: 0 }

const cleanUp = useCleanups()

test('R13.2 the primary dies under load and its synchronous standby takes over: nothing acknowledged is lost', async () => {
  const pair = await startPair({ isSynchronous: true })
  cleanUp(pair.close)
  const processes = await startWeatherProcesses(size.processes, pair.connectionString)
  cleanUp(processes.kill)
  const load = await startWeatherLoad({
    urls: () => processes.urls,
    query: pair.primary.query,
    customers: size.customers,
  })
  cleanUp(load.abandon)
  await load.goesOn()
  await delay(size.phaseMs)
  const before = load.acknowledged.length
  await pair.failOver()
  await load.goesOn()
  await delay(size.phaseMs)
  await load.end()

  expect(load.failures).toEqual([])
  // It was under load on both sides of the failover.
  expect(before).toBeGreaterThan(size.customers)
  expect(load.acknowledged.length - before).toBeGreaterThan(size.customers)
  const { connectionString, query } = pair.standby
  expect(await findLost(query, load.acknowledged)).toEqual([])
  await expectCalm({ processes, connectionString, query })
  expect(await findLost(query, load.acknowledged)).toEqual([])
  await processes.end()
})
