import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Answer, createClient } from '../support/server/clients.js'
import { asking } from '../support/server/fleet.js'
import { startTwoServers, type TwoServers } from '../support/server/two-servers.js'

/*
 * A customer creates and cancels on two processes at once, as fast as they answer. One of them is killed during this.
 */

const PER_MINUTE = 8
const LOOPS = 6
const ROUNDS = 12

let servers: TwoServers
beforeAll(async () => {
  servers = await startTwoServers({ CREATES_PER_MINUTE: String(PER_MINUTE), CANCELS_PER_HOUR: '100' })
})
afterAll(() => servers.close())

test('R11.4 a customer makes only the allowed number of requests in a minute, over all processes, even if one dies', async () => {
  const answers: Answer[] = []
  const loop = async (n: number) => {
    const url = servers.urls[n % 2] ?? ''
    const me = await createClient(url, 'customer', 'c-everywhere')
    for (let round = 0; round < ROUNDS; round++) {
      const made = await me.post('/api/v1/broadcasts', asking(1 + n))
      answers.push(made)
      // The other process dies with its unfinished requests. Finished ones stay.
      if (answers.length === PER_MINUTE) servers.other.end('SIGKILL')
      if (made.status === 201) await me.post(`/api/v1/broadcasts/${made.body.id}/events`, { type: 'cancel' })
    }
  }
  await Promise.allSettled(Array.from({ length: LOOPS }, (_, n) => loop(n)))
  await servers.other.ended

  // Whatever is left seeks until it is cancelled: then the next create is counted.
  const me = await createClient(servers.home.url, 'customer', 'c-everywhere')
  const mine = (await me.get('/api/v1/broadcasts?status=searching')).body.items
  for (const { id } of mine) await me.post(`/api/v1/broadcasts/${id}/events`, { type: 'cancel' })
  const count = async () => (await servers.query("select from instances where owner = 'c-everywhere'")).length
  for (let made = await count(); made < PER_MINUTE; made++) {
    const { status, body } = await me.post('/api/v1/broadcasts', asking(9))
    expect(status).toBe(201)
    await me.post(`/api/v1/broadcasts/${body.id}/events`, { type: 'cancel' })
  }
  const beyond = await me.post('/api/v1/broadcasts', asking(9))
  expect(beyond).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } })
  expect(beyond.body.detail).toBe(`At most ${PER_MINUTE} requests of a customer within a minute`)
  expect(await count()).toBe(PER_MINUTE)
  expect(answers.filter(({ status }) => status === 201).length).toBeLessThanOrEqual(PER_MINUTE)
  await servers.delivered()
  expect(await servers.faults()).toEqual([])
})
