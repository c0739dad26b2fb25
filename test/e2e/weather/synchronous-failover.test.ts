import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, test } from '@jest/globals'
import { findLost } from '../../support/weather/acknowledged.js'
import { expectCalm } from '../../support/weather/calm.js'
import { startWeatherLoad } from '../../support/weather/load.js'
import { type Pair, startPair } from '../../support/weather/pair.js'
import { startWeatherProcesses, type WeatherProcesses } from '../../support/weather/processes.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const size = isLong ? { customers: 40, phaseMs: 15_000 } : { customers: 8, phaseMs: 2_500 }

let pair: Pair
let processes: WeatherProcesses

afterAll(async () => {
  await processes?.end()
  await pair?.close()
}, 60_000)

test('R13.2 the primary dies under load and its synchronous standby takes over: nothing acknowledged is lost', async () => {
  pair = await startPair({ isSynchronous: true })
  processes = await startWeatherProcesses(2, pair.connectionString)
  const load = await startWeatherLoad({
    urls: () => processes.urls,
    query: pair.primary.query,
    customers: size.customers,
  })
  await delay(size.phaseMs)
  const before = load.acknowledged.length
  await pair.failOver()
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
}, 180_000)
