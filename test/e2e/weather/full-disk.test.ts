import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { until } from '../../support/engine/engine.js'
import { findLost } from '../../support/weather/acknowledged.js'
import { expectCalm, expectHealthy, healthOf } from '../../support/weather/calm.js'
import { useCleanups } from '../../support/weather/cleanups.js'
import { startWeatherLoad } from '../../support/weather/load.js'
import { startPostgres } from '../../support/weather/postgres-server.js'
import { startWeatherProcesses } from '../../support/weather/processes.js'
import { fillDisk, mountDisk, moveLogAway, smallDiskForTests } from '../../support/weather/small-disk.js'
import { unmountDisksIn } from '../../support/weather/unmount.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const size = isLong
  ? { processes: 2, customers: 30, fullMs: 30_000 }
  : { processes: 1, customers: 6, fullMs: 1_500 }
/** A new database takes 45 MB and the trucks of the load some 15 MB; the ballast takes the rest. */
const DISK_MB = 160
/** Half-empty pages still take some rows. */
const NOTICED_WITHIN_MS = 15_000

const describeWithDisk = await smallDiskForTests()
const cleanUp = useCleanups()

describeWithDisk('a full disk', () => {
  test('R13.1 R13.4 writes get 503, never 500, and /health reports it; with room again, everything recovers', async () => {
    const postgres = await startPostgres({
      beforeData: ({ folder }) => mountDisk(folder, DISK_MB),
      beforeStart: moveLogAway,
    })
    const { connectionString, query, place } = postgres
    cleanUp(() => unmountDisksIn(dirname(place.folder)))
    cleanUp(() => postgres.end('SIGKILL'))
    const processes = await startWeatherProcesses(size.processes, connectionString)
    cleanUp(processes.kill)
    const load = await startWeatherLoad({ urls: () => processes.urls, query, customers: size.customers })
    cleanUp(load.abandon)
    const goesOn = () => load.goesOn(NOTICED_WITHIN_MS * 2)
    await goesOn()

    const makeRoom = await fillDisk(place.folder)
    const before = load.toldToRetry
    await until(() => load.toldToRetry > before + size.customers, NOTICED_WITHIN_MS).finally(() => {
      // A full disk must refuse the write, and the refusal must be a proper one.
      expect(load.failures).toEqual([])
    })
    await until(
      async () => (await healthOf(processes.urls)).every(status => status !== 'ok'),
      NOTICED_WITHIN_MS,
    )
    await delay(size.fullMs)
    await makeRoom()
    await expectHealthy({ processes })
    await goesOn()
    await load.end()

    expect(load.failures).toEqual([])
    expect(await findLost(query, load.acknowledged)).toEqual([])
    await expectCalm({ processes, connectionString, query })
    await processes.end()
  })
})
