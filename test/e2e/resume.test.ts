import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Client, createClient } from '../../src/client/index.js'
import type { Role } from '../../src/dispatch/person.js'
import { until } from '../support/engine/engine.js'
import { type ClientLink, openClientLink } from '../support/network/client-link.js'
import { createClient as createCaller } from '../support/server/clients.js'
import { idsFor } from '../support/server/event-log.js'
import { acceptBody, asking, registerTruck, type Truck } from '../support/server/fleet.js'
import { tokenFor } from '../support/server/tokens.js'
import { startTwoServers, type TwoServers } from '../support/server/two-servers.js'

/*
 * Real processes: one is killed with -9 while it commits and delivers, its clients go to another one, and from there to
 * a third that takes the first one's place. Nobody misses anything.
 */

const PARTIES = 8
/** Answers after which it is killed: in the middle of the burst. */
const ANSWERS_BEFORE_DEATH = 10

let servers: TwoServers

beforeAll(async () => {
  servers = await startTwoServers({ BROADCAST_TIMEOUT_SECONDS: '60' })
})
afterAll(() => servers.close())

interface Party {
  readonly id: string
  readonly role: Role
  readonly client: Client
  readonly link: ClientLink
  readonly ids: string[]
}

async function join(role: Role, id: string): Promise<Party> {
  const link = await openClientLink(servers.home.url)
  const backoff = { firstMs: 20, longestMs: 200 }
  const client = createClient({ url: link.url, token: await tokenFor(role, id), backoff })
  const ids: string[] = []
  client.on('event', event => {
    if ('id' in event) ids.push(event.id)
  })
  client.on('dropped', ({ event, why }) => {
    if (why === 'older') ids.push(event.id)
  })
  expect(await client.connect()).toEqual({ ok: true })
  return { id, role, client, link, ids }
}

/** Each customer asks for a truck, it is accepted, and the customer cancels. */
async function burst(urls: () => string, trucks: readonly Truck[], onAnswer: () => void): Promise<void> {
  await Promise.allSettled(
    trucks.map(async (truck, i) => {
      const customer = await createCaller(urls(), 'customer', `c-resume-${i}`)
      const { body } = await customer.post('/api/v1/broadcasts', {
        ...asking(2),
        notes: String(Math.random()),
      })
      onAnswer()
      const transporter = await createCaller(urls(), 'transporter', truck.transporter.id)
      await transporter.post(`/api/v1/broadcast/${body.id}/accept`, acceptBody(truck))
      onAnswer()
      await (await createCaller(urls(), 'customer', customer.id)).put(`/api/v1/booking/${body.id}/cancel`, {})
      onAnswer()
    }),
  )
}

describe('clients of a process that is killed with -9', () => {
  test('R7.3 get every event on another process, and later on a third', async () => {
    const { home, other, query } = servers
    const names = Array.from({ length: PARTIES }, (_, i) => `resume-${i}`)
    const trucks = await Promise.all(names.map(name => registerTruck(home.url, name, { isReady: true })))
    const parties = await Promise.all([
      ...names.map(name => join('customer', `c-${name}`)),
      ...trucks.map(({ transporter }) => join('transporter', transporter.id)),
      ...trucks.map(({ driverId }) => join('driver', driverId)),
    ])
    const everybodyHasAll = async () => {
      await servers.delivered()
      for (const { id, role, ids } of parties) {
        const expected = await idsFor({ role, id }, { query })
        await until(() => expected.every(one => ids.includes(one)))
        expect(ids.filter(one => !one.endsWith(':offer')).toSorted()).toEqual(expected)
      }
    }
    await burst(
      () => home.url,
      trucks,
      () => {},
    )
    await everybodyHasAll()

    let answers = 0
    let death: Promise<unknown> | undefined
    await burst(
      () => home.url,
      trucks,
      () => {
        answers += 1
        if (answers === ANSWERS_BEFORE_DEATH) death = home.end('SIGKILL')
      },
    )
    expect(await death).toBe('SIGKILL')
    for (const { link } of parties) link.cut(other.url)
    // Its unfinished work continues here, and its pending events are delivered from here.
    await burst(
      () => other.url,
      trucks,
      () => {},
    )
    await everybodyHasAll()

    const third = await servers.start()
    expect(await other.end('SIGTERM')).toBe(0)
    for (const { link } of parties) link.cut(third.url)
    await burst(
      () => third.url,
      trucks,
      () => {},
    )
    await everybodyHasAll()
    for (const { client, link } of parties) {
      client.close()
      await link.close()
    }
    expect(await servers.faults()).toEqual([])
  })
})
