import { beforeAll, describe, expect, it } from '@jest/globals'
import type { Caller } from '../../../src/dispatch/person.js'
import { type Envelope, personRoom } from '../../../src/dispatch/ports.js'
import type { Synced } from '../../../src/dispatch/resume/sync.js'
import { until } from '../../support/engine/engine.js'
import { admin, customer, driver, northOfPickup, transporter } from '../../support/engine/people.js'
import { expectOk } from '../../support/engine/results.js'
import { accept, asking, registerTruck, type Truck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

let near: Truck
let far: Truck

const product = await useDispatch()

beforeAll(async () => {
  await product.engine.start()
  near = await registerTruck(product, 'near', { place: northOfPickup(2) })
  far = await registerTruck(product, 'far', { place: northOfPickup(900) })
})

type Page = Extract<Synced, { resync: false }>

async function page(caller: Caller, after?: string, watching?: string): Promise<Page> {
  const synced = expectOk(await product.dispatch.sync(caller, { after, watching }))
  if (synced.resync) throw new Error('expected events')
  return synced
}
async function resynced(caller: Caller, after: string) {
  const synced = expectOk(await product.dispatch.sync(caller, { after }))
  if (!synced.resync) throw new Error(`expected a resync, got ${synced.events.map(event => event.type)}`)
  return synced
}
/** All pages from here on. */
async function missed(caller: Caller, after: string, watching?: string): Promise<Envelope[]> {
  const events: Envelope[] = []
  for (let point = after; ; ) {
    const read = await page(caller, point, watching)
    events.push(...read.events)
    if (!read.hasMore) return events
    point = read.next
  }
}
const idsOf = (envelopes: readonly Envelope[]) => [...new Set(envelopes.map(({ id }) => id ?? ''))].sort()
const toldTo = (person: Caller) =>
  product.fanout.heardIn(personRoom(person)).filter(event => event.id !== undefined)
const outboxEmpty = () =>
  until(async () => (await product.sql.query('select from outbox')).rowCount === 0, 20_000)

let customers = 0
const newCustomer = () => customer(`c${++customers}`)
const create = async (caller: Caller, trucks = 1) =>
  expectOk(await product.dispatch.createBroadcast(caller, asking(trucks))).broadcast.id

/** A request that sees everything: taken, given back, taken again, driven, cancelled too late for the driven truck. */
async function eventfulRequest(caller: Caller): Promise<string> {
  const id = await create(caller, 2)
  const first = expectOk(await accept(product, id, near)).assignment?.tripId ?? ''
  expectOk(await product.dispatch.sendToTrip(near.caller, first, { type: 'release' }))
  const second = expectOk(await accept(product, id, near)).assignment?.tripId ?? ''
  expectOk(await product.dispatch.sendToTrip(driver(near.driverId), second, { type: 'start' }))
  const third = expectOk(await accept(product, id, far)).assignment?.tripId ?? ''
  expectOk(await product.dispatch.sendToTrip(admin, third, { type: 'abandon' }))
  expectOk(await product.dispatch.sendToTrip(driver(near.driverId), second, { type: 'complete' }))
  return id
}

describe('R7.3 the events that a client missed', () => {
  it('R7.3 are those it would have received: the same ids with the same data, for each role its own', async () => {
    const caller = newCustomer()
    const beginnings = await Promise.all(
      [caller, near.caller, far.caller, driver(near.driverId), driver(far.driverId), admin].map(
        async who => [who, (await page(who)).next] as const,
      ),
    )
    const ended = await eventfulRequest(caller)
    const cancelled = await create(caller)
    expectOk(await accept(product, cancelled, near))
    expectOk(await product.dispatch.sendToBroadcast(caller, cancelled, { type: 'cancel' }))
    await outboxEmpty()
    for (const [who, beginning] of beginnings) {
      const told = toldTo(who).filter(event => event.type !== 'new_broadcast')
      const read = (await missed(who, beginning)).filter(event => event.type !== 'new_broadcast')
      expect([who.id, idsOf(read)]).toEqual([who.id, idsOf(told)])
      for (const event of read) expect(event).toEqual(told.find(({ id }) => id === event.id))
      expect(new Set(read.map(({ id }) => id)).size).toBe(read.length)
    }
    expect(toldTo(far.caller).map(event => event.type)).toContain('trip_cancelled')
    expect(toldTo(near.caller).map(event => event.type)).toContain('booking_expired')
    expect((await missed(admin, beginnings.at(-1)?.[1] ?? '')).length).toBe(0)
    // Watchers get the events of the room.
    const inRoom = (id: string) => product.fanout.heardIn(`broadcast:${id}`)
    for (const id of [ended, cancelled]) {
      const since = beginnings.at(-1)?.[1] ?? ''
      expect(idsOf(await missed(admin, since, id))).toEqual(idsOf(inRoom(id)))
    }
  })

  it('R7.3 any id that it has seen is a point to resume from, those of its own offers included', async () => {
    const caller = newCustomer()
    const before = (await page(near.caller)).next
    const id = await create(caller)
    await until(() => toldTo(near.caller).some(event => event.id === `${id}:offer`))
    const offers = await missed(near.caller, before)
    expect(offers.at(-1)).toEqual({
      ...toldTo(near.caller).find(event => event.id === `${id}:offer`),
      at: expect.any(String),
    })
    expectOk(await product.dispatch.sendToBroadcast(caller, id, { type: 'cancel' }))
    await outboxEmpty()
    for (const seen of [`${id}:offer`, before]) {
      const types = (await missed(near.caller, seen))
        .filter(event => event.broadcastId === id)
        .map(e => e.type)
      expect(types).toEqual(['booking_expired'])
    }
    const told = toldTo(caller)
    for (const { id: seen = '' } of told) {
      expect(idsOf(await missed(caller, seen))).toEqual(idsOf(told))
    }
  })

  it('R7.3 include an offer that was recorded but never sent, because its process died', async () => {
    const before = (await page(far.caller)).next
    const owner = newCustomer()
    const id = await create(owner)
    const entry = { broadcastId: id, transporterId: far.caller.id, step: 'catch_up', distanceKm: 899.6 }
    await product.recipients.offer([entry])
    const [offer] = (await missed(far.caller, before)).filter(event => event.broadcastId === id)
    expect(offer).toMatchObject({ id: `${id}:offer`, type: 'new_broadcast', data: { distanceKm: 900 } })
    expectOk(await product.dispatch.sendToBroadcast(far.caller, id, { type: 'decline' }))
    const ofIt = async () => (await missed(far.caller, before)).filter(event => event.broadcastId === id)
    expect(await ofIt()).toEqual([])
    // Transporters that declined are informed of the end as well.
    expectOk(await product.dispatch.sendToBroadcast(owner, id, { type: 'cancel' }))
    expect((await ofIt()).map(event => event.type)).toEqual(['booking_expired'])
  })
})

describe('R7.3 an invalid point', () => {
  it('R7.3 of a foreign request is answered like an unknown one', async () => {
    const owner = newCustomer()
    const id = await create(owner)
    await outboxEmpty()
    const seen = toldTo(owner).at(-1)?.id ?? ''
    expect(await missed(owner, seen)).not.toEqual([])
    const never = '01890a5d-ac96-774b-bcce-b302099a8057'
    const stranger = newCustomer()
    for (const point of [
      seen,
      `${id}:offer`,
      `${never}:1:0:0`,
      `${never}:offer`,
      'nonsense',
      '',
      `${id}:1:9999:0`,
    ]) {
      expect(await resynced(stranger, point)).toEqual({
        resync: true,
        broadcasts: [],
        next: expect.stringMatching(/^at:\d+$/),
      })
    }
    expect(await resynced(transporter('t-stranger'), seen)).toMatchObject({ broadcasts: [] })
    expect(await missed(near.caller, seen)).not.toEqual([]) // it was offered it
  })

  it.each([
    ['at:', 'resync'],
    ['at:1', 'resync'],
    ['at:99999999999999999999', 'resync'],
    ['at:9999999999999999', 'events'],
    ['page:1:1:1:01890a5d-ac96-774b-bcce-b302099a8057:1:0', 'resync'],
    [`page:9999999999999999:1:1:01890a5d-ac96-774b-bcce-b302099a8057:1:0`, 'events'],
    ['01890a5d-ac96-774b-bcce-b302099a8057:999999999:9999:9999', 'resync'],
    ['01890a5d-ac96-774b-bcce-b302099a8057:1:0', 'resync'],
    ["' or true --", 'resync'],
  ])('R7.3 invented as %s is handled without an error', async (point, outcome) => {
    const synced = expectOk(await product.dispatch.sync(newCustomer(), { after: point }))
    expect(synced.resync ? 'resync' : 'events').toBe(outcome)
    if (!synced.resync) expect(synced.events).toEqual([])
  })

  it('R7.3 for the room of a request that the caller may not read is NOT_FOUND', async () => {
    const id = await create(newCustomer())
    const { next } = await page(admin)
    const answer = await product.dispatch.sync(newCustomer(), { after: next, watching: id })
    expect(answer).toEqual({ ok: false, problem: { code: 'NOT_FOUND' } })
  })
})
