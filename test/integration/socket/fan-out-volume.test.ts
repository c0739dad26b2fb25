import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import type { AdapterKind } from '../../../src/adapters/socket/cluster/start-check.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { openDispatch, type Product } from '../../support/engine/dispatch.js'
import { until } from '../../support/engine/engine.js'
import { customer, PICKUP } from '../../support/engine/people.js'
import { expectOk } from '../../support/engine/results.js'
import { asking } from '../../support/engine/trucks.js'
import { redisForTests, useRedis } from '../../support/redis/redis.js'
import { type Listener, listen } from '../../support/server/clients.js'
import { type ClusteredSockets, startClusteredSockets } from '../../support/server/sockets-alone.js'
import { tokenFor } from '../../support/server/tokens.js'

/*
 * What an offer to a whole city costs Redis. The ids are UUIDs, as most are: no shorter way of saying whom it is
 * for than their 16 bytes. What is counted is all that came into Redis, the protocol included.
 */

const TRANSPORTERS = 10_000
const MAX_PUBLISHES = 20
const MAX_BYTES = 200_000
/** All of them within the first step, some in every kilometre. */
const STEP_KM = 10

const { describeWithRedis } = await redisForTests()
const kinds: readonly AdapterKind[] = ['classic', 'sharded']

describeWithRedis('an offer to 10,000 transporters on three processes', () => {
  const redis = useRedis()
  const ids = Array.from({ length: TRANSPORTERS }, () => randomUUID())
  const open: { close(): unknown }[] = []
  let database: TestDatabase
  let product: Product

  beforeAll(async () => {
    database = await createTestDatabase()
    product = openDispatch(database.connectionString)
    await product.sql.query('insert into users (id) select unnest($1::text[])', [ids])
    await product.sql.query('insert into transporters (id, is_available) select unnest($1::text[]), true', [
      ids,
    ])
    await product.presence.touchTransporters(ids)
    for (const [i, transporterId] of ids.entries()) {
      const place = { lat: PICKUP.lat + ((i / TRANSPORTERS) * (STEP_KM - 0.1)) / 111.195, lng: PICKUP.lng }
      const vehicle = { id: `v${i}`, vehicleType: 'tata_ace' }
      await product.presence.putDriver(`d${i}`, { transporterId, vehicle, place })
    }
  })

  afterEach(async () => {
    for (const it of open.splice(0).reverse()) await it.close()
  })

  afterAll(async () => {
    await product.close()
    await database.drop()
  })

  test.each(kinds)('R7.1 is at most 20 messages and 200 KB (%s)', async kind => {
    const processes: ClusteredSockets[] = []
    for (let i = 0; i < 3; i += 1) {
      const started = await startClusteredSockets(redis.url, kind)
      open.push(started)
      processes.push(started)
    }
    const [first] = processes as [ClusteredSockets]
    product.fanout.emit = (...args) => first.sockets.fanout.emit(...args)
    // Some of those who are told, on every process, and one who is not.
    const listeners: Listener[] = []
    for (const [i, id] of [...ids.filter((_, n) => n % 400 === 0), 'outsider'].entries()) {
      const listener = await listen(processes[i % 3]?.url ?? '', await tokenFor('transporter', id))
      open.push(listener)
      listeners.push(listener)
    }
    const outsider = listeners.pop()
    const counter = new Redis(redis.url)
    open.push({ close: () => counter.disconnect() })
    await until(() => processes.every(({ cluster }) => !cluster.state().isDeaf))

    const before = await measure(counter)
    const { broadcast } = expectOk(await product.dispatch.createBroadcast(customer(`c-${kind}`), asking(1)))
    await until(() => listeners.every(({ events }) => events.length > 0), 20_000)
    await until(() => first.cluster.state().waiting === 0)
    const after = await measure(counter)

    const messages = after.messages - before.messages
    const bytes = after.bytes - before.bytes
    expect({
      messages: messages <= MAX_PUBLISHES,
      bytes: bytes <= MAX_BYTES,
      said: { messages, bytes },
    }).toEqual({
      messages: true,
      bytes: true,
      said: { messages, bytes },
    })
    // It is not cheap because it was not sent.
    expect(bytes).toBeGreaterThan(TRANSPORTERS * 16)
    const { rows } = await product.sql.query(
      'select from recipients where broadcast_id = $1 and offered_at is not null',
      [broadcast.id],
    )
    expect(rows).toHaveLength(TRANSPORTERS)
    for (const { events } of listeners)
      expect(events.map(event => event.id)).toEqual([`${broadcast.id}:offer`])
    expect(outsider?.events).toEqual([])
  })
})

async function measure(redis: Redis): Promise<{ messages: number; bytes: number }> {
  const info = `${await redis.info('commandstats')}\n${await redis.info('stats')}`
  const calls = [...info.matchAll(/^cmdstat_s?publish:calls=(\d+)/gm)].map(match => Number(match[1]))
  return {
    messages: calls.reduce((sum, count) => sum + count, 0),
    bytes: Number(/^total_net_input_bytes:(\d+)/m.exec(info)?.[1]),
  }
}
