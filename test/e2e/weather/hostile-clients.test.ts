import { expect, test } from '@jest/globals'
import { createChance } from '../../support/engine/seeded.js'
import { type Answer, type Client, createClient } from '../../support/server/clients.js'
import { asking } from '../../support/server/fleet.js'
import { tokenFor } from '../../support/server/tokens.js'
import { expectCalm } from '../../support/weather/calm.js'
import { useCleanups } from '../../support/weather/cleanups.js'
import { expectSoon } from '../../support/weather/eventually.js'
import { findRestless } from '../../support/weather/gauges.js'
import {
  leaveAtRandom,
  pipelineAndReset,
  readNothing,
  trickleBodies,
} from '../../support/weather/hostile-clients.js'
import { startWorld } from '../../support/weather/world.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
/** More connections than a process admits requests: if each held a place, none would be left. */
const SLOW = 2_100
const size = isLong
  ? { honestCalls: 200, random: 2_000, resets: 100 }
  : { honestCalls: 20, random: 200, resets: 15 }
const PIPELINED = 300
const SEED = 20_260_902
const AT_REST_WITHIN_MS = 20_000

const cleanUp = useCleanups()

async function startAtRest() {
  const world = await startWorld(1)
  cleanUp(world.close)
  const [url] = world.processes.urls as [string]
  const isAtRest = () => expectSoon(() => findRestless([url]), [], AT_REST_WITHIN_MS)
  await isAtRest()
  return { world, url, isAtRest, token: await tokenFor('customer', 'hostile') }
}

test(`R11.4 requests that are pipelined, cut and reset leave nothing behind (seed ${SEED})`, async () => {
  const { world, url, isAtRest, token } = await startAtRest()
  await pipelineAndReset(url, size.resets, PIPELINED)
  await isAtRest()
  await leaveAtRandom(url, token, size.random, createChance(SEED))
  await isAtRest()
  await expectCalm(world)
  await world.processes.end()
})

test.each([
  ['send their bodies a byte a second', trickleBodies],
  ['never read their answers', readNothing],
])('clients that %s block no others', async (_what, hold) => {
  const { world, url, isAtRest, token } = await startAtRest()
  const letGo = await hold(url, token, SLOW)
  cleanUp(letGo)
  expect(await refusalsOf(await createClient(url, 'customer', 'honest'))).toEqual({})
  await letGo()
  await isAtRest()
  await expectCalm(world)
  await world.processes.end()
})

/** Creates and cancels in turn and returns the number of refusals. A deadline between the two is not a refusal. */
async function refusalsOf(customer: Client): Promise<Record<string, number>> {
  const refused: Record<string, number> = {}
  const count = ({ status, body }: Answer) => {
    const key = `${status} ${body.detail}`
    if (status >= 429) refused[key] = (refused[key] ?? 0) + 1
  }
  for (let i = 0; i < size.honestCalls; i++) {
    const created = await customer.post('/api/v1/broadcasts', asking(1 + (i % 2)))
    count(created)
    if (created.status !== 201) continue
    count(await customer.post(`/api/v1/broadcasts/${created.body.id}/events`, { type: 'cancel' }))
  }
  return refused
}
