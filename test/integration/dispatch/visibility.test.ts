/*
 * What callers learn of a request from every answer and event. Each test is an attack: a user wants the pickup or the
 * driver's notes without carrying the load. Answers are searched as text, so that no member is forgotten.
 */
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { until } from '../../support/engine/engine.js'
import { type Client, createClient, type Listener, listen } from '../../support/server/clients.js'
import { acceptBody, registerTruck, type Truck } from '../../support/server/fleet.js'
import { found, SECRETIVE } from '../../support/server/secrets.js'
import { useTestApp } from '../../support/server/use-test-app.js'

let admin: Client
/** Deliveries from memory fail, as if the process had died after the commit. */
let isFailing = false
const open: Listener[] = []
/** Made by the test: none may be found in the lists of the next. */
const asked: { customer: Client; id: string }[] = []

const app = await useTestApp({
  faults(point) {
    if (isFailing && point === 'delivery.before') throw new Error('as if this process had died here')
  },
})

beforeAll(async () => {
  admin = await createClient(app.url, 'admin', 'a1')
})
afterEach(async () => {
  isFailing = false
  for (const { customer, id } of asked.splice(0)) await cancel(customer, id)
  for (const listener of open.splice(0)) listener.close()
})

const EXACT = ['address', 'place'] as const
const ALL = ['address', 'notes', 'place'] as const

let count = 0
const ready = (name: string) => registerTruck(app.url, `${name}${++count}`, { isReady: true })
const unoffered = (name: string) => registerTruck(app.url, `${name}${++count}`)

async function connect(caller: Client, after?: string): Promise<Listener> {
  const listener = await listen(app.url, caller.token, after)
  open.push(listener)
  return listener
}

async function ask(trucks = 1): Promise<{ customer: Client; id: string }> {
  const customer = await createClient(app.url, 'customer', `c-${++count}`)
  const body = { ...SECRETIVE, trucks: [{ vehicleType: '14ft', count: trucks }] }
  const created = await customer.post('/api/v1/broadcasts', body)
  expect(created.status).toBe(201)
  expect(found(created.body)).toEqual(ALL)
  asked.push({ customer, id: created.body.id })
  return { customer, id: created.body.id }
}

const isOffered = (truck: Truck, id: string) =>
  until(async () => {
    const sql =
      'select from recipients where broadcast_id = $1 and transporter_id = $2 and offered_at is not null'
    return (await app.query(sql, [id, truck.transporter.id])).length === 1
  })

async function accept(truck: Truck, id: string, headers: Record<string, string> = {}) {
  const answer = await truck.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(truck), headers)
  expect([answer.status, answer.body]).toEqual([200, expect.anything()])
  expect(found(answer.body)).toEqual(ALL)
  return answer.body.assignment.tripId as string
}
const send = (caller: Client, tripId: string, type: string, headers: Record<string, string> = {}) =>
  caller.post(`/api/v1/trips/${tripId}/events`, { type }, headers)
const cancel = (customer: Client, id: string) => customer.put(`/api/v1/booking/${id}/cancel`, {})
const expire = async (id: string) => {
  await app.query("update timers set due_at = now() - interval '1 second' where instance = $1", [id])
  await until(async () => (await admin.get(`/api/v1/broadcasts/${id}`)).body.status === 'expired', 20_000)
}
const told = () => until(async () => (await app.query('select from outbox')).length === 0, 20_000)
const beginning = async (caller: Client) => (await caller.get('/api/v1/sync')).body.next as string

/** Everything that the caller can read of the request, each by its name. */
async function everything(caller: Client, id: string, since: string) {
  const listener = await connect(caller, since)
  const watched = await listener.send('watch', { broadcastId: id, after: since })
  const lost = await connect(caller, 'at:1')
  await lost.send('unwatch', { broadcastId: id })
  return {
    get: (await caller.get(`/api/v1/broadcasts/${id}`)).body,
    sync: (await caller.get(`/api/v1/sync?after=${since}`)).body,
    resync: (await caller.get('/api/v1/sync?after=at:1')).body,
    socket: listener.events,
    lost: lost.events,
    watched,
  }
}

async function expectNothingOf(caller: Client, id: string, since: string): Promise<void> {
  const seen = await everything(caller, id, since)
  for (const [way, answer] of Object.entries(seen)) expect([way, found(answer)]).toEqual([way, []])
}

describe('R11.5 a transporter that was offered a load', () => {
  it('R11.5 sees the destination but not the notes, in the offer and in every view', async () => {
    const truck = await ready('offered')
    const since = await beginning(truck.transporter)
    const listener = await connect(truck.transporter)
    const { id } = await ask()
    const offer = await listener.next('new_broadcast', event => event.broadcastId === id)
    expect(found(offer)).toEqual(EXACT)
    const list = await truck.transporter.get('/api/v1/broadcasts?limit=100')
    expect(list.body.items.map((item: { id: string }) => item.id)).toContain(id)
    expect(found(list.body)).toEqual(EXACT)
    const seen = await everything(truck.transporter, id, since)
    expect(found(seen.get)).toEqual(EXACT)
    for (const answer of [seen.sync, seen.resync, seen.socket, seen.lost]) {
      expect(JSON.stringify(answer)).toContain(id)
      expect(found(answer)).toEqual(EXACT)
    }
    const declined = await truck.transporter.post(`/api/v1/broadcast/${id}/decline`, {})
    expect(found(declined.body)).toEqual(EXACT)
    expect(found((await truck.transporter.get(`/api/v1/broadcasts/${id}`)).body)).toEqual(EXACT)
  })

  it.each(['full', 'cancelled', 'expired'])(
    'R11.5 reads only a rough place when it is %s without it',
    async end => {
      const loser = await ready('loser')
      const since = await beginning(loser.transporter)
      const { customer, id } = await ask()
      await isOffered(loser, id)
      if (end === 'full') await accept(await unoffered('winner'), id)
      if (end === 'cancelled') expect((await cancel(customer, id)).status).toBe(200)
      if (end === 'expired') await expire(id)
      await told()
      await expectNothingOf(loser.transporter, id, since)
      const { body } = await loser.transporter.get(`/api/v1/broadcasts/${id}`)
      expect(body).toMatchObject({ pickup: { lat: 28.61, lng: 77.21 }, drop: { lat: -33.87, lng: 151.21 } })
      expect(body.goods).toBe('Rice')
      const refused = await loser.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(loser))
      expect([refused.status, found(refused.body)]).toEqual([409, []])
      const stale = await loser.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(loser), {
        'if-match': '"77"',
      })
      expect([stale.status, found(stale.body)]).toEqual([412, []])
      expect(found((await loser.transporter.post(`/api/v1/broadcast/${id}/decline`, {})).body)).toEqual([])
      expect(found((await loser.transporter.get('/api/v1/transporter/answers')).body)).toEqual([])
      expect(found((await customer.get(`/api/v1/broadcasts/${id}`)).body)).toEqual(ALL)
      expect(found((await admin.get(`/api/v1/broadcasts/${id}`)).body)).toEqual(ALL)
    },
  )

  it('R11.5 reads no more of it when the customer retries, with an offer or without one', async () => {
    const [loser, winner] = [await ready('again'), await unoffered('again')]
    const { customer, id } = await ask(2)
    await isOffered(loser, id)
    await accept(winner, id)
    await expire(id)
    const retried = await customer.post(`/api/v1/broadcasts/${id}/retry`)
    expect([retried.status, found(retried.body)]).toEqual([201, ALL])
    asked.push({ customer, id: retried.body.id })
    await isOffered(loser, retried.body.id)
    const reads = async ({ transporter }: Truck, of: string) => {
      const { status, body } = await transporter.get(`/api/v1/broadcasts/${of}`)
      return [status, found(body)]
    }
    expect(await reads(loser, id)).toEqual([200, []])
    expect(await reads(loser, retried.body.id)).toEqual([200, EXACT])
    expect(await reads(winner, id)).toEqual([200, ALL])
    expect(await reads(winner, retried.body.id)).toEqual([404, []])
  })

  it('R11.5 does not see it later in the stored answer to its decline', async () => {
    const truck = await ready('decliner')
    const { customer, id } = await ask()
    await isOffered(truck, id)
    const key = { 'idempotency-key': 'no' }
    const path = `/api/v1/broadcast/${id}/decline`
    expect(found((await truck.transporter.post(path, {}, key)).body)).toEqual(EXACT)
    const again = await truck.transporter.post(path, {}, key)
    expect([again.headers.get('idempotency-replayed'), found(again.body)]).toEqual(['true', EXACT])
    await cancel(customer, id)
    const late = await truck.transporter.post(path, {}, key)
    expect([late.status, late.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(found(late.body)).toEqual([])
    expect(late.body).toEqual({
      ...again.body,
      broadcast: {
        ...again.body.broadcast,
        pickup: { lat: 28.61, lng: 77.21 },
        drop: { lat: -33.87, lng: 151.21 },
      },
    })
    // What a process of the release before has kept.
    await app.query(
      `update idempotency_keys set answer = jsonb_set(answer, '{body,broadcast,notes}', '"gate code 1234"')
       where key = 'no'`,
    )
    expect(found((await truck.transporter.post(path, {}, key)).body)).toEqual([])
    // An unkeyed one, which finds that it has declined.
    expect(found((await truck.transporter.post(path, {})).body)).toEqual([])
  })

  it('R11.5 or was never offered one, sees nothing, whatever it sends', async () => {
    const stranger = await unoffered('stranger')
    const { customer, id } = await ask()
    const wrong = { driverId: 'nobody', vehicleId: stranger.vehicleId }
    const refused = await stranger.transporter.post(`/api/v1/broadcast/${id}/accept`, wrong)
    expect([refused.status, found(refused.body)]).toEqual([403, []])
    const unseen = async () => {
      expect((await stranger.transporter.get(`/api/v1/broadcasts/${id}`)).status).toBe(404)
      expect((await stranger.transporter.post(`/api/v1/broadcast/${id}/decline`, {})).status).toBe(404)
      const listener = await connect(stranger.transporter)
      expect(await listener.send('watch', { broadcastId: id })).toMatchObject({ code: 'NOT_FOUND' })
    }
    await unseen()
    await cancel(customer, id)
    expect(
      (await stranger.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(stranger))).status,
    ).toBe(409)
    await unseen()
  })
})

describe('R11.5 a released truck', () => {
  it('R11.5 hides the notes, and the places too after the request has ended', async () => {
    const truck = await unoffered('reader')
    const since = await beginning(truck.transporter)
    const drives = await beginning(truck.driver)
    const { customer, id } = await ask(2)
    const key = { 'idempotency-key': 'take' }
    const tripId = await accept(truck, id, key)
    expect(found((await truck.transporter.get(`/api/v1/broadcasts/${id}`)).body)).toEqual(ALL)
    expect(found((await truck.driver.get(`/api/v1/broadcasts/${id}`)).body)).toEqual(ALL)
    const released = await send(truck.transporter, tripId, 'release', { 'idempotency-key': 'back' })
    expect([released.status, found(released.body)]).toEqual([200, []])
    // It may still take it, so it may know where.
    expect(found((await truck.transporter.get(`/api/v1/broadcasts/${id}`)).body)).toEqual(EXACT)
    const replayed = await truck.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(truck), key)
    // Decided anew or replayed: the notes belong to the live trip.
    const again = replayed.headers.get('idempotency-replayed') === 'true'
    expect([replayed.status, found(replayed.body)]).toEqual([200, again ? EXACT : ALL])
    await cancel(customer, id)
    await told()
    await expectNothingOf(truck.transporter, id, since)
    await expectNothingOf(truck.driver, id, drives)
    for (const caller of [truck.transporter, truck.driver]) {
      expect(found((await caller.get(`/api/v1/trips/${tripId}`)).body)).toEqual([])
    }
    expect(found((await truck.driver.get('/api/v1/driver/trips')).body)).toEqual([])
    const late = await truck.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(truck), key)
    expect([late.status, found(late.body)]).toEqual([200, []])
    const twice = await send(truck.transporter, tripId, 'release', { 'idempotency-key': 'back' })
    expect([twice.status, found(twice.body)]).toEqual([200, []])
    expect(found((await customer.get(`/api/v1/trips/${tripId}`)).body)).toEqual(EXACT)
    expect(found((await admin.get(`/api/v1/trips/${tripId}`)).body)).toEqual(EXACT)
  })

  it('R11.5 is replayed without them when the journal gives the answer', async () => {
    const truck = await unoffered('journal')
    const { customer, id } = await ask()
    const key = { 'idempotency-key': 'j' }
    const tripId = await accept(truck, id, key)
    await app.query("update idempotency_keys set answer = null where key = 'j'")
    await send(truck.transporter, tripId, 'release')
    await cancel(customer, id)
    const late = await truck.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(truck), key)
    expect([late.status, late.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(late.body.assignment.tripId).toBe(tripId)
    expect(found(late.body)).toEqual([])
  })

  it('R11.5 its driver and transporter get events without the places, and its customer with them', async () => {
    const truck = await unoffered('told')
    const { customer, id } = await ask(2)
    const [owner, transporter, driver] = await Promise.all([
      connect(customer),
      connect(truck.transporter),
      connect(truck.driver),
    ])
    const tripId = await accept(truck, id)
    const of = (event: { tripId?: string | undefined }) => event.tripId === tripId
    expect(found(await driver.next('trip_assigned', of))).toEqual(EXACT)
    expect(found(await owner.next('truck_confirmed', of))).toEqual(EXACT)
    await admin.post(`/api/v1/trips/${tripId}/events`, { type: 'abandon' })
    expect(found(await driver.next('trip_cancelled', of))).toEqual([])
    expect(found(await transporter.next('trip_cancelled', of))).toEqual([])
    expect(found(await owner.next('truck_released', of))).toEqual(EXACT)
    const other = await unoffered('told')
    const second = await accept(other, id)
    const theirs = await Promise.all([connect(other.transporter), connect(other.driver)])
    await cancel(customer, id)
    for (const listener of theirs) {
      const event = await listener.next('trip_cancelled', ({ tripId }) => tripId === second)
      expect([found(event), event.data]).toEqual([
        [],
        expect.objectContaining({ trip: expect.objectContaining({ pickup: { lat: 28.61, lng: 77.21 } }) }),
      ])
    }
    expect(found((await other.transporter.get(`/api/v1/broadcasts/${id}`)).body)).toEqual([])
  })

  it('R11.5 is not shown to its driver by an assignment that is delivered long after', async () => {
    const truck = await unoffered('late')
    const { id } = await ask()
    isFailing = true
    const tripId = await accept(truck, id)
    await send(truck.transporter, tripId, 'release')
    await until(async () => (await app.query('select from outbox where attempts = 0')).length === 0)
    isFailing = false
    const listener = await connect(truck.driver)
    await app.query("update events set at = at - interval '1 hour' where instance = $1", [id])
    await until(async () => {
      await app.query('update outbox set due_at = now()')
      return (await app.query('select from outbox')).length === 0
    })
    const assigned = await listener.next('trip_assigned', event => event.tripId === tripId)
    expect(found(assigned)).toEqual([])
  })
})

describe('R11.5 the place of a driver', () => {
  it('R11.5 is not in a repeated answer when the driver may have left', async () => {
    const { transporter, driverId } = await ready('fleet')
    const put = () =>
      transporter.put(
        `/api/v1/transporter/drivers/${driverId}`,
        { name: 'Asha' },
        { 'idempotency-key': 'put' },
      )
    const first = await put()
    expect(first.body).toMatchObject({ id: driverId, location: expect.anything() })
    const again = await put()
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    const { location: _, lastSeenAt: __, ...kept } = first.body
    expect(again.body).toEqual(kept)
  })

  it('R11.5 is rounded to whole kilometres for an admin that looks up why a transporter was offered a load', async () => {
    const { transporter } = await ready('measured')
    const { id } = await ask()
    const path = `/api/v1/admin/broadcasts/${id}/recipients?transporterId=${transporter.id}`
    await until(async () => (await admin.get(path)).body.items[0]?.isOffered === true)
    // The driver is 1.04 km away.
    expect((await admin.get(path)).body.items[0].distanceKm).toBe(1)
    const story = await admin.get(`/api/v1/admin/broadcasts/${id}/story`)
    const offered = story.body.items.find((item: { what: string }) => item.what === 'offered')
    expect(offered.detail).toMatchObject({ nearestKm: 1, farthestKm: 1 })
  })
})

describe('R11.5 a live trip', () => {
  it('R11.5 is visible in full, even after the load was delivered', async () => {
    const truck = await unoffered('carrier')
    const since = await beginning(truck.transporter)
    const { id } = await ask()
    const tripId = await accept(truck, id)
    for (const type of ['start', 'complete']) {
      expect(found((await send(truck.driver, tripId, type)).body)).toEqual(EXACT)
    }
    await told()
    for (const caller of [truck.transporter, truck.driver]) {
      const seen = await everything(caller, id, since)
      expect(found(seen.get)).toEqual(ALL)
      expect(found((await caller.get(`/api/v1/trips/${tripId}`)).body)).toEqual(EXACT)
    }
    expect(found((await truck.driver.get('/api/v1/driver/trips')).body)).toEqual(EXACT)
  })
})
