import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { until } from '../../support/engine/engine.js'
import { findLost } from '../../support/weather/acknowledged.js'
import { expectCalm, expectHealthy, healthOf } from '../../support/weather/calm.js'
import { useCleanups } from '../../support/weather/cleanups.js'
import { expectSoon } from '../../support/weather/eventually.js'
import { startWeatherLoad } from '../../support/weather/load.js'
import { startPostgres } from '../../support/weather/postgres-server.js'
import { startWeatherProcesses } from '../../support/weather/processes.js'

/* A managed database before an upgrade, or with a full volume: it serves reads and refuses writes. */

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const size = isLong
  ? { processes: 2, customers: 30, readOnlyMs: 30_000 }
  : { processes: 1, customers: 6, readOnlyMs: 1_000 }
/** Each check is asked at most once a second, and a balancer asks a few times before it believes. */
const NOTICED_WITHIN_MS = 10_000

const cleanUp = useCleanups()

test('R13.1 R13.4 while the database is read-only, writes get 503 and /health is down; then everything recovers', async () => {
  const postgres = await startPostgres()
  cleanUp(() => postgres.end('SIGKILL'))
  const { connectionString, query } = postgres
  const processes = await startWeatherProcesses(size.processes, connectionString)
  cleanUp(processes.kill)
  const load = await startWeatherLoad({ urls: () => processes.urls, query, customers: size.customers })
  cleanUp(load.abandon)
  const health = () => healthOf(processes.urls)
  const allDown = processes.urls.map(() => 'down')
  const goesOn = () => load.goesOn(NOTICED_WITHIN_MS * 2)
  await goesOn()

  await query('alter system set default_transaction_read_only = on')
  await query('select pg_reload_conf()')
  await expectSoon(health, allDown, NOTICED_WITHIN_MS)
  const before = load.toldToRetry
  await until(() => load.toldToRetry > before + size.customers, NOTICED_WITHIN_MS)
  await delay(size.readOnlyMs)
  expect(await health()).toEqual(allDown)

  await query('alter system reset default_transaction_read_only')
  await query('select pg_reload_conf()')
  await expectHealthy({ processes })
  await goesOn()
  await load.end()
  expect(load.failures).toEqual([])
  expect(await findLost(query, load.acknowledged)).toEqual([])
  await expectCalm({ processes, connectionString, query })
  await processes.end()
})
