import { expect, test } from '@jest/globals'
import { until } from '../../../support/engine/engine.js'
import { findLost } from '../../../support/weather/acknowledged.js'
import { expectCalm, expectHealthy, healthOf } from '../../../support/weather/calm.js'
import { useCleanups } from '../../../support/weather/cleanups.js'
import { expectSoon } from '../../../support/weather/eventually.js'
import { startWeatherLoad } from '../../../support/weather/load.js'
import { startPostgres } from '../../../support/weather/postgres-server.js'
import { startWeatherProcesses } from '../../../support/weather/processes.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const size = isLong ? { processes: 2, customers: 30, rounds: 5 } : { processes: 1, customers: 8, rounds: 1 }
const NOTICED_WITHIN_MS = 20_000

const cleanUp = useCleanups()

test('R13.1 the database is stopped and killed under load: callers get 503 with Retry-After, and nothing is lost', async () => {
  const postgres = await startPostgres()
  cleanUp(() => postgres.end('SIGKILL'))
  const { connectionString, query } = postgres
  const processes = await startWeatherProcesses(size.processes, connectionString)
  cleanUp(processes.kill)
  const load = await startWeatherLoad({ urls: () => processes.urls, query, customers: size.customers })
  cleanUp(load.abandon)
  const goesOn = () => load.goesOn(NOTICED_WITHIN_MS)
  const allDown = processes.urls.map(() => 'down')
  for (let round = 0; round < size.rounds; round++) {
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      await goesOn()
      const before = load.toldToRetry
      await postgres.end(signal)
      await until(() => load.toldToRetry > before + size.customers, NOTICED_WITHIN_MS)
      await expectSoon(() => healthOf(processes.urls), allDown, NOTICED_WITHIN_MS)
      await postgres.start()
      await expectHealthy({ processes })
    }
  }
  await goesOn()
  await load.end()
  expect(load.failures).toEqual([])
  expect(await findLost(query, load.acknowledged)).toEqual([])
  await expectCalm({ processes, connectionString, query })
  await processes.end()
})
