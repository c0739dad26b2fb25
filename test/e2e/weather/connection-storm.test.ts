import { expect, test } from '@jest/globals'
import { findLost } from '../../support/weather/acknowledged.js'
import { expectCalm, expectHealthy } from '../../support/weather/calm.js'
import { useCleanups } from '../../support/weather/cleanups.js'
import { storm } from '../../support/weather/connection-storm.js'
import { startWeatherLoad } from '../../support/weather/load.js'
import { startWorld } from '../../support/weather/world.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const size = isLong
  ? { customers: 30, rounds: 4, connections: 500, starts: 1 }
  : { customers: 8, rounds: 1, connections: 150, starts: 2 }

const cleanUp = useCleanups()

test('R13.1 connections are ended at any moment, also during starts: every process survives, and nothing is lost', async () => {
  const world = await startWorld(1)
  cleanUp(world.close)
  const { processes, query, connectionString } = world
  const load = await startWeatherLoad({ urls: () => processes.urls, query, customers: size.customers })
  cleanUp(load.abandon)
  await load.goesOn()

  for (let round = 0; round < size.rounds; round++) {
    const starts = Array.from({ length: size.starts }, () => processes.start().then(() => 'up', String))
    await storm(connectionString, size.connections)
    // A start waits for the database, so the process is up at the latest when the storm is over.
    expect(await Promise.all(starts)).toEqual(starts.map(() => 'up'))
    await expectHealthy(world)
  }
  await load.goesOn()
  await load.end()

  expect(load.failures).toEqual([])
  expect(await findLost(query, load.acknowledged)).toEqual([])
  await expectCalm(world)
  await processes.end()
})
