import { beforeAll, describe, expect, it } from '@jest/globals'
import { personRoom } from '../../../src/dispatch/ports.js'
import type { EmittedEvent } from '../../../src/runtime/types.js'
import { until } from '../../support/engine/engine.js'
import { customer, PICKUP } from '../../support/engine/people.js'
import { expectOk } from '../../support/engine/results.js'
import { accept, asking, registerTruck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

/*
 * Events that may have been missed are read from the database, redelivered, and found by clients that reconnect later.
 */

const product = await useDispatch()

beforeAll(async () => {
  await product.engine.start()
})

/** A request that is cancelled: three events, of two versions. */
async function cancelled(name: string): Promise<string> {
  const caller = customer(name)
  const { broadcast } = expectOk(await product.dispatch.createBroadcast(caller, asking(1)))
  expectOk(await product.dispatch.sendToBroadcast(caller, broadcast.id, { type: 'cancel' }))
  return broadcast.id
}

async function shift(id: string, seconds: number): Promise<void> {
  const sql = "update events set recorded_at = recorded_at - $2 * interval '1 second' where instance = $1"
  await product.sql.query(sql, [id, seconds])
}

async function delivered(): Promise<void> {
  await until(async () => (await product.sql.query('select from outbox')).rowCount === 0)
}

async function since(at: number, limit: number): Promise<readonly EmittedEvent[]> {
  const events: EmittedEvent[] = []
  let after: string | undefined
  do {
    const page = await product.reads.eventsSince(at, { limit, ...(after === undefined ? {} : { after }) })
    events.push(...page.events)
    after = page.next
  } while (after !== undefined)
  return events
}

const names = (events: readonly EmittedEvent[]) =>
  events.map(({ instance, version, index }) => `${instance} ${version} ${index}`)

describe('events since a moment', () => {
  it('come in the order in which they were recorded, page by page, each once', async () => {
    const before = Date.now() - 1_000
    const ids = [await cancelled('paged-1'), await cancelled('paged-2'), await cancelled('paged-3')]
    const all = await since(before, 1_000)
    expect(new Set(all.map(event => event.instance))).toEqual(new Set(ids))
    expect(new Set(names(all)).size).toBe(all.length)
    for (const limit of [1, 2, 3, 7]) expect(names(await since(before, limit))).toEqual(names(all))
    expect(await since(Date.now() + 60_000, 10)).toEqual([])
  })

  it('of another machine may have a trip of another form', async () => {
    const id = await cancelled('elsewhere')
    await delivered()
    await product.sql.query("update instances set machine = 'elsewhere' where id = $1", [id])
    await product.sql.query(
      `update events set payload_json = '{"trip":{"id":"round the world"}}' where instance = $1`,
      [id],
    )
    const found = (await since(Date.now() - 60_000, 100)).filter(event => event.instance === id)
    expect(found.length).toBeGreaterThan(0)
    expect(found[0]?.payload).toEqual({ trip: { id: 'round the world' } })
    await product.sql.query('delete from events where instance = $1', [id])
  })

  it('are marked late, a few at a time, and only those; older marked ones are included', async () => {
    await delivered()
    const old = await cancelled('old')
    await shift(old, 3_600)
    const at = Date.now() - 60_000
    const recent = names(await since(at, 1_000))
    expect(recent.some(name => name.startsWith(old))).toBe(false)
    let marked = 0
    for (let n = await product.reads.markLate(at, 2); n > 0; n = await product.reads.markLate(at, 2)) {
      expect(n).toBeLessThanOrEqual(2)
      marked += n
    }
    expect(marked).toBe(recent.length)
    await product.sql.query('update events set late_at = clock_timestamp() where instance = $1', [old])
    for (const limit of [1, 2, 1_000]) {
      const found = names(await since(at, limit))
      expect(found.slice(-recent.length)).toEqual(recent)
      expect(found.filter(name => name.startsWith(old))).toHaveLength(found.length - recent.length)
      expect(found.length).toBeGreaterThan(recent.length)
    }
  })
})

describe('redelivery', () => {
  it('R7.4 emits every event under the same id, offers too, and to the same people only', async () => {
    const truck = await registerTruck(product, 'near', { place: PICKUP })
    const caller = customer('again')
    const { broadcast } = expectOk(await product.dispatch.createBroadcast(caller, asking(1)))
    const ended = await cancelled('again-ended')
    await delivered()
    const heard = (room: string) => product.fanout.heardIn(room).map(({ id }) => id)
    const rooms = [
      personRoom(truck.caller),
      'person:customer:again',
      'person:customer:again-ended',
      `broadcast:${ended}`,
    ]
    const first = rooms.map(room => new Set(heard(room)))
    const count = product.fanout.emits.length
    product.redeliver(1_000)
    await until(() => product.fanout.heard(personRoom(truck.caller), 'new_broadcast').length > 2)
    expect(product.fanout.emits.length).toBeGreaterThan(count)
    // The offer of the request that ended is none any more.
    const again = product.fanout.emits.slice(count)
    expect(again.map(({ envelope }) => envelope.id)).toContain(`${broadcast.id}:offer`)
    expect(again.map(({ envelope }) => envelope.id)).not.toContain(`${ended}:offer`)
    await until(() => heard('person:customer:again').length > 1)
    expect(rooms.map(room => new Set(heard(room)))).toEqual(first)
  })

  it('R11.5 shows driver and transporter the present form of a trip, and its customer all of it', async () => {
    const truck = await registerTruck(product, 'again', { place: PICKUP })
    const caller = customer('again-taken')
    const precise = { pickup: { lat: 28.613456, lng: 77.209876, address: 'Copper Lane' } }
    const { broadcast } = expectOk(
      await product.dispatch.createBroadcast(caller, { ...asking(2), ...precise }),
    )
    const taken = expectOk(await accept(product, broadcast.id, truck))
    const tripId = taken.assignment?.tripId ?? ''
    await delivered()
    const pickups = (type: string) =>
      product.fanout.emits
        .filter(({ envelope }) => envelope.type === type && envelope.tripId === tripId)
        .map(({ envelope }) => (envelope.data.trip as { pickup: unknown }).pickup)
    expect(pickups('trip_assigned')).toEqual([precise.pickup])
    product.redeliver(1_000)
    await until(() => pickups('trip_assigned').length > 1)
    expectOk(await product.dispatch.sendToTrip(truck.caller, tripId, { type: 'release' }))
    await delivered()
    product.redeliver(1_000)
    await until(() => pickups('truck_released').length > 1)
    const rounded = { lat: 28.61, lng: 77.21 }
    expect(pickups('trip_assigned')).toEqual([precise.pickup, precise.pickup, rounded])
    expect(pickups('trip_cancelled')).toEqual([rounded, rounded])
    for (const type of ['truck_confirmed', 'truck_released']) {
      expect(new Set(pickups(type))).toEqual(new Set([precise.pickup]))
    }
  })

  it('R7.4 covers absent clients too: a client that resumes from a later event gets the events it missed before', async () => {
    const [missed, later] = [await cancelled('away'), await cancelled('away')]
    await delivered()
    // Longer ago than a resume looks back by itself.
    await shift(missed, 40)
    const { rows } = await product.sql.query<EmittedEvent>(
      'select * from events where instance = $1 order by version desc, index desc limit 1',
      [later],
    )
    const [last] = rows as [EmittedEvent]
    const id = `${last.instance}:${last.version}:${last.index}:0`
    const resumed = async () => {
      const answer = expectOk(await product.dispatch.sync(customer('away'), { after: id }))
      return answer.resync ? ['resync'] : answer.events.map(event => event.broadcastId)
    }
    expect(await resumed()).not.toContain(missed)
    product.redeliver(60_000)
    await until(async () => (await resumed()).includes(missed))
  })
})
