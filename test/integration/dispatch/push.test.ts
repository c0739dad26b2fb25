import { afterEach, describe, expect, it } from '@jest/globals'
import type { NewPush, Person, PushMessage } from '../../../src/dispatch/ports.js'
import { personRoom } from '../../../src/dispatch/ports.js'
import { PushWorker } from '../../../src/dispatch/push/worker.js'
import { until } from '../../support/engine/engine.js'
import { admin, customer, driver, PICKUP, transporter } from '../../support/engine/people.js'
import { expectOk } from '../../support/engine/results.js'
import { accept, asking, registerTruck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'
import { type RecordingPush, recordingPush } from '../../support/server/recording-push.js'

const SECOND_MS = 1_000
const MINUTE_MS = 60_000
const PLACEHOLDER_ID = '01890a5d-ac96-774b-bcce-b302099a8057'

const product = await useDispatch()
/** The clock of the worker alone, ahead of ours by so much. */
let aheadMs = 0
const now = () => Math.round(Date.now() + aheadMs)
const logged: string[] = []
const log = {
  warn: (_fields: object, message: string) => void logged.push(message),
  error: (_fields: object, message: string) => void logged.push(message),
}

afterEach(async () => {
  aheadMs = 0
  logged.length = 0
  // Each test begins with nothing to send.
  await until(async () => (await product.sql.query('select from outbox')).rowCount === 0)
  await product.sql.query('delete from pushes')
  await product.sql.query('delete from dead_letters')
  await product.sql.query("update push_pace set free_at = '-infinity'")
})

/** As another process would have it. */
function openWorker(): { worker: PushWorker; push: RecordingPush } {
  const push = recordingPush()
  return { push, worker: new PushWorker({ pushes: product.pushes, sender: push, now, log }) }
}

const tokenOf = (userId: string) => `token-of-${userId}`
async function carry(userId: string, role: 'customer' | 'transporter' | 'driver', token = tokenOf(userId)) {
  const caller = { id: userId, role }
  await product.dispatch.isActive(caller)
  expectOk(await product.dispatch.registerDevice(caller, { token, platform: 'android' }))
}

/** A request of a customer with a phone, offered to a transporter with one, whose driver has one too. */
async function offered(name: string, count = 2) {
  const vehicleType = `type_${name.replaceAll('-', '_')}`
  const truck = await registerTruck(product, name, { vehicleType, place: PICKUP })
  await carry(`c-${name}`, 'customer')
  await carry(truck.caller.id, 'transporter')
  await carry(truck.driverId, 'driver')
  const created = await product.dispatch.createBroadcast(customer(`c-${name}`), asking(count, vehicleType))
  const { id, expiresAt } = expectOk(created).broadcast
  return { id, truck, vehicleType, customerId: `c-${name}`, expiresAt: Date.parse(expiresAt) }
}

const queued = async () => {
  const sql = `select p.envelope_id, p.user_id, p.message ->> 'type' as type, p.outcome, p.attempts from pushes p
    order by p.user_id, type`
  return (await product.sql.query(sql)).rows
}
const told = (messages: readonly PushMessage[]) =>
  messages.map(({ token, data }) => [token, data.type]).sort()
const settled = () =>
  until(async () => (await product.sql.query("select from outbox where subscriber = 'push'")).rowCount === 0)

describe('an offer', () => {
  it('R8.1 R2.4 is pushed after 2 s to each transporter that has not acknowledged it, with its remaining life, once', async () => {
    const { id, truck, expiresAt } = await offered('offer')
    const { worker, push } = openWorker()
    aheadMs = 1.5 * SECOND_MS
    expect(await worker.turn()).toBe(0)
    aheadMs = 2.5 * SECOND_MS
    expect(await worker.turn()).toBe(1)
    const [message] = push.messages()
    expect(message).toEqual({
      token: tokenOf(truck.caller.id),
      platform: 'android',
      title: 'New request for 2 trucks',
      data: {
        id: `${id}:offer`,
        type: 'new_broadcast',
        broadcastId: id,
        version: '1',
        title: 'New request for 2 trucks',
        expiresAt: new Date(expiresAt).toISOString(),
      },
      lifeMs: expect.any(Number),
    })
    const lifeMs = message?.lifeMs ?? 0
    expect(lifeMs).toBeLessThanOrEqual(expiresAt - now() + SECOND_MS)
    expect(lifeMs).toBeGreaterThan(expiresAt - now() - MINUTE_MS)
    aheadMs = MINUTE_MS
    expect(await worker.turn()).toBe(0)
  })

  it('R8.1 is queued by the statement that makes it, so that any process can push it', async () => {
    const { id, truck } = await offered('durable')
    expect(await queued()).toEqual([
      {
        envelope_id: `${id}:offer`,
        user_id: truck.caller.id,
        type: 'new_broadcast',
        outcome: null,
        attempts: 0,
      },
    ])
  })

  it('R2.4 that was acknowledged is not pushed, even if the acknowledgement comes before it is queued', async () => {
    const { id, truck } = await offered('acknowledged')
    const { worker, push } = openWorker()
    product.dispatch.acknowledged(truck.caller, `${id}:offer`)
    // Twice at once, as two phones of one user do.
    product.dispatch.acknowledged(truck.caller, `${id}:offer`)
    await product.settled()
    expectOk(await accept(product, id, truck))
    const driverRoom = personRoom(driver(truck.driverId))
    await until(() => product.fanout.heard(driverRoom, 'trip_assigned').length > 0)
    for (const { id } of product.fanout.heard(driverRoom, 'trip_assigned')) {
      product.dispatch.acknowledged(driver(truck.driverId), id ?? '')
    }
    await settled()
    aheadMs = 3 * SECOND_MS
    await worker.turn()
    expect(told(push.messages())).toEqual([[tokenOf('c-acknowledged'), 'truck_confirmed']])
  })

  it.each(['cancelled', 'declined', 'expired'])(
    'R8.1 that was %s in the meantime is not pushed',
    async how => {
      const { id, truck, customerId } = await offered(`gone-${how}`)
      const { worker, push } = openWorker()
      const { dispatch } = product
      if (how === 'cancelled')
        expectOk(await dispatch.sendToBroadcast(customer(customerId), id, { type: 'cancel' }))
      if (how === 'declined') expectOk(await dispatch.sendToBroadcast(truck.caller, id, { type: 'decline' }))
      aheadMs = how === 'expired' ? 11 * MINUTE_MS : 5 * SECOND_MS
      await settled()
      while ((await worker.turn()) > 0);
      expect(push.messages().filter(({ data }) => data.type === 'new_broadcast')).toEqual([])
      expect(
        (await queued()).filter(row => row.type === 'new_broadcast').map(row => [row.outcome, row.attempts]),
      ).toEqual([['ended', 0]])
    },
  )
})

describe('an event of the machine', () => {
  it('R1.4 R2.4 is pushed to the people it wakes: driver and customer of a new trip, and at the end all that were offered', async () => {
    const { id, truck, customerId } = await offered('emits', 2)
    const other = await registerTruck(product, 'emits-other', { vehicleType: 'type_emits', place: PICKUP })
    await product.settled()
    await until(async () => (await product.recipients.offered(id)).length === 2)
    await carry(other.caller.id, 'transporter')
    expectOk(await accept(product, id, truck))
    await settled()
    const { worker, push } = openWorker()
    aheadMs = 3 * SECOND_MS
    await worker.turn()
    expect(told(push.messages())).toEqual([
      [tokenOf(customerId), 'truck_confirmed'],
      [tokenOf(truck.driverId), 'trip_assigned'],
      [tokenOf(truck.caller.id), 'new_broadcast'],
    ])
    const [confirmed] = push.messages().filter(({ data }) => data.type === 'truck_confirmed')
    expect(confirmed).toMatchObject({ title: 'Truck DL emits confirmed', collapseKey: id })
    expect(confirmed?.data.id).toMatch(new RegExp(`^${id}:2:0:1:`))
    const [assigned] = push.messages().filter(({ data }) => data.type === 'trip_assigned')
    expect(assigned?.collapseKey).toBeUndefined()
    expect(assigned?.data.tripId).toEqual(expect.any(String))

    push.batches.length = 0
    expectOk(await product.dispatch.sendToBroadcast(customer(customerId), id, { type: 'cancel' }))
    await settled()
    aheadMs = 6 * SECOND_MS
    await worker.turn()
    expect(told(push.messages())).toEqual([
      [tokenOf(truck.driverId), 'trip_cancelled'],
      [tokenOf(truck.caller.id), 'booking_expired'],
      [tokenOf(truck.caller.id), 'trip_cancelled'],
      [tokenOf(other.caller.id), 'booking_expired'],
    ])
  })

  it('R8.1 adds to the commit one outbox row for an event that wakes people, and none for others', async () => {
    const { subscribers } = product
    const push = subscribers.find(({ name }) => name === 'push')
    const wanted = (type: string) => push?.wants('broadcast', type)
    expect(['truck.assigned', 'trip.cancelled', 'broadcast.filled', 'broadcast.expired'].every(wanted)).toBe(
      true,
    )
    expect(['broadcast.created', 'reach.widened', 'trip.started', 'trip.completed'].some(wanted)).toBe(false)
    expect(push?.wants('door', 'truck.assigned')).toBe(false)
  })

  it('R8.1 is not pushed twice when it was delivered twice', async () => {
    const { id, truck } = await offered('twice', 1)
    expectOk(await accept(product, id, truck))
    await settled()
    const { worker, push } = openWorker()
    aheadMs = 3 * SECOND_MS
    await worker.turn()
    const sent = push.messages().length
    expect(sent).toBeGreaterThan(0)
    const events = await product.reads.eventsSince(Date.now() - MINUTE_MS, { limit: 100 })
    const subscriber = product.subscribers.find(({ name }) => name === 'push')
    for (const event of events.events.filter(e => e.instance === id && e.type !== 'reach.widened')) {
      if (subscriber?.wants(event.machine, event.type)) await subscriber.handle(event, 2)
    }
    aheadMs = 10 * SECOND_MS
    while ((await worker.turn()) > 0);
    expect(push.messages()).toHaveLength(sent)
  })
})

describe('FCM', () => {
  it('R8.1 down for 10 minutes loses nothing, and nothing is sent after its offer has ended', async () => {
    // One offer that lasts, one that is cancelled meanwhile, one whose time is up meanwhile, and a trip.
    const lasting = await offered('lasting', 3)
    const cancelled = await offered('cancelled-meanwhile')
    const ended = await offered('ended-meanwhile')
    await product.sql.query(
      `update pushes set ends_at = to_timestamp($2::float8 / 1000) where envelope_id = $1`,
      [`${ended.id}:offer`, Date.now() + 5 * MINUTE_MS],
    )
    await product.sql.query(
      `update pushes set ends_at = to_timestamp($2::float8 / 1000) where envelope_id = $1`,
      [`${lasting.id}:offer`, Date.now() + 60 * MINUTE_MS],
    )
    expectOk(await accept(product, lasting.id, lasting.truck))
    await settled()
    const { worker, push } = openWorker()
    push.answer = () => ({ kind: 'failed', error: 'FCM answered 503' })
    let attempts = 0
    for (aheadMs = 2.5 * SECOND_MS; aheadMs < 10 * MINUTE_MS; aheadMs += SECOND_MS) {
      attempts += await worker.turn()
      if (aheadMs === 4 * MINUTE_MS + 2.5 * SECOND_MS) {
        expectOk(
          await product.dispatch.sendToBroadcast(customer(cancelled.customerId), cancelled.id, {
            type: 'cancel',
          }),
        )
        await settled()
      }
    }
    // Backed off: five that were queued from the start were tried some 15 times, not 600.
    expect(attempts).toBeGreaterThan(40)
    expect(attempts).toBeLessThan(150)
    expect(
      push
        .messages()
        .filter(({ data }) => data.id === `${ended.id}:offer`)
        .every(({ lifeMs }) => lifeMs > 0),
    ).toBe(true)

    push.answer = () => ({ kind: 'sent' })
    push.batches.length = 0
    for (; aheadMs < 12 * MINUTE_MS; aheadMs += SECOND_MS) await worker.turn()
    expect(told(push.messages())).toEqual(
      [
        [tokenOf(lasting.customerId), 'truck_confirmed'],
        [tokenOf(lasting.truck.driverId), 'trip_assigned'],
        [tokenOf(lasting.truck.caller.id), 'new_broadcast'],
        [tokenOf(cancelled.truck.caller.id), 'booking_expired'],
      ].sort(),
    )
    expect((await product.sql.query('select from dead_letters')).rowCount).toBe(0)
    expect((await queued()).filter(({ outcome }) => outcome === null)).toEqual([])
  })

  it('R8.1 without a successful sign-in costs no attempts', async () => {
    await offered('locked-out')
    const { worker, push } = openWorker()
    push.isLockedOut = true
    aheadMs = 3 * SECOND_MS
    await expect(worker.turn()).rejects.toThrow('no token')
    expect((await queued()).map(({ attempts }) => attempts)).toEqual([0])
    push.isLockedOut = false
    expect(await worker.turn()).toBe(1)
  })

  it('R8.1 that demands a pause gets no request of any process before its end', async () => {
    await offered('pause')
    const [one, other] = [openWorker(), openWorker()]
    one.push.answer = () => ({ kind: 'failed', error: 'FCM answered 429', notBeforeMs: 30_000 })
    one.push.pauseMs = 30_000
    aheadMs = 3 * SECOND_MS
    expect(await one.worker.turn()).toBe(1)
    await offered('pause-next')
    aheadMs = 31 * SECOND_MS
    expect([await one.worker.turn(), await other.worker.turn()]).toEqual([0, 0])
    aheadMs = 40 * SECOND_MS
    await other.worker.turn()
    expect(told(other.push.messages()).map(([, type]) => type)).toEqual(['new_broadcast', 'new_broadcast'])
  })

  it('R8.1 gets no more than the project’s rate, from all processes together, in batches of 500', async () => {
    const sql = `insert into devices (token, user_id, platform)
      select 'crowd-' || n, 'c-crowd', 'web' from generate_series(1, 1200) n`
    await product.dispatch.isActive(customer('c-crowd'))
    await product.sql.query(sql)
    const content = { type: 'truck_confirmed', broadcastId: PLACEHOLDER_ID, version: 1, title: 'x' }
    await product.pushes.queue([
      {
        envelopeId: 'crowd',
        people: [customer('c-crowd')],
        content,
        dueAt: now(),
        endsAt: now() + MINUTE_MS,
      },
    ])
    const [one, other] = [openWorker(), openWorker()]
    const begunAt = now()
    aheadMs = SECOND_MS
    const frozen = now()
    const at = (ms: number) => {
      aheadMs = frozen + ms - Date.now()
    }
    at(0)
    expect(await one.worker.turn()).toBe(500)
    at(50)
    // 500 at 5,000 a second take a tenth of one.
    expect(await other.worker.turn()).toBe(0)
    at(200)
    expect(await other.worker.turn()).toBe(500)
    at(400)
    expect(await one.worker.turn()).toBe(200)
    const tokens = [...one.push.messages(), ...other.push.messages()].map(({ token }) => token)
    expect(new Set(tokens).size).toBe(1200)
    expect(begunAt).toBeLessThan(now())
    await product.sql.query("delete from devices where user_id = 'c-crowd'")
  })

  it('R8.1 gets from another process the messages that one took before it died', async () => {
    await offered('dies')
    const { worker, push } = openWorker()
    push.send = () => new Promise(() => {})
    aheadMs = 3 * SECOND_MS
    worker.turn().catch(() => {})
    await until(
      async () =>
        (
          await product.sql.query(
            "select from pushes where outcome is null and due_at > to_timestamp($1::float8 / 1000) + interval '20 s'",
            [now()],
          )
        ).rowCount === 1,
    )
    const other = openWorker()
    aheadMs = 20 * SECOND_MS
    expect(await other.worker.turn()).toBe(0)
    aheadMs = 40 * SECOND_MS
    expect(await other.worker.turn()).toBe(1)
  })
})

it('R8.1 R6.4 is queued by one statement for a whole city, and acknowledgements are recorded by one', async () => {
  const { sql, pushes, recipients } = product
  const ids = Array.from({ length: 10_000 }, (_, n) => `city-${n}`)
  const people = ids.map(transporter)
  await sql.query('insert into users (id) select unnest($1::text[])', [ids])
  await sql.query('insert into transporters (id, is_available) select unnest($1::text[]), true', [ids])
  const created = await product.dispatch.createBroadcast(customer('c-city'), asking(1, 'city'))
  const { id } = expectOk(created).broadcast
  const offer = (half: readonly string[]) =>
    recipients.offer(half.map(transporterId => ({ broadcastId: id, transporterId, step: '1' })))
  // Nobody of the one half has a device, everybody of the other has.
  expect(await offer(ids.slice(0, 5_000))).toHaveLength(5_000)
  expect(await queued()).toEqual([])
  await sql.query(
    "insert into devices (token, user_id, platform) select u, u, 'web' from unnest($1::text[]) u",
    [ids],
  )
  expect(await offer(ids.slice(5_000))).toHaveLength(5_000)
  expect(await queued()).toHaveLength(5_000)
  const content = { type: 'booking_expired', broadcastId: id, version: 2, title: 'Request cancelled' }
  await pushes.queue([{ envelopeId: 'city-ends', people, content, dueAt: now(), endsAt: now() + MINUTE_MS }])
  expect(await queued()).toHaveLength(15_000)
  await pushes.acknowledge(
    people.map(person => ({ envelopeId: 'city-ends', person })),
    now(),
  )
  const rows = await queued()
  expect(rows.filter(({ outcome }) => outcome === 'acknowledged')).toHaveLength(10_000)
  await sql.query('delete from devices where user_id = any($1)', [ids])
})

const pushes = () => product.pushes
const newPush = (envelopeId: string, person: Person): NewPush => ({
  envelopeId,
  people: [person],
  content: { type: 'trip_assigned', broadcastId: PLACEHOLDER_ID, version: 1, title: 'New trip assigned' },
  dueAt: now(),
  endsAt: now() + MINUTE_MS,
})

describe('a push that fails', () => {
  const letters = async () =>
    expectOk(await product.dispatch.listDeadLetters(admin, { limit: 100 })).items.filter(
      letter => letter.kind === 'delivery' && letter.subscriber === 'push',
    )

  it('R8.1 for good is a dead letter at once, and is sent when it is redriven', async () => {
    const { id, truck } = await offered('refused')
    const { worker, push } = openWorker()
    push.answer = () => ({ kind: 'refused', error: 'FCM answered 400 INVALID_ARGUMENT' })
    aheadMs = 3 * SECOND_MS
    await worker.turn()
    const [letter, ...more] = await letters()
    expect(more).toEqual([])
    expect(letter).toMatchObject({
      instance: id,
      type: 'new_broadcast',
      subscriber: 'push',
      attempts: 1,
      error: 'FCM answered 400 INVALID_ARGUMENT',
    })
    push.answer = () => ({ kind: 'sent' })
    push.batches.length = 0
    expectOk(await product.dispatch.redriveDeadLetter(admin, Number(letter?.id), { reason: 'Fixed' }))
    await worker.turn()
    expect(told(push.messages())).toEqual([[tokenOf(truck.caller.id), 'new_broadcast']])
    expect(await letters()).toEqual([])
  })

  it('R11.4 is one of at most a hundred dead letters of its user', async () => {
    const { worker, push } = openWorker()
    push.answer = () => ({ kind: 'refused', error: 'FCM answered 403 SENDER_ID_MISMATCH' })
    const { id, truck } = await offered('hundred')
    await product.sql.query(
      `insert into dead_letters (instance, version, index, subscriber, attempts, error, push)
       select $1, 1, 0, 'push', 1, 'x', jsonb_build_object('userId', $2::text, 'n', n) from generate_series(1, 99) n`,
      [id, truck.caller.id],
    )
    const kept = async () =>
      (await product.sql.query("select from dead_letters where push ->> 'userId' = $1", [truck.caller.id]))
        .rowCount
    aheadMs = 3 * SECOND_MS
    expect(await worker.turn()).toBe(1)
    expect(await kept()).toBe(100)
    await product.sql.query('update pushes set outcome = null where user_id = $1', [truck.caller.id])
    expect(await worker.turn()).toBe(1)
    expect(await kept()).toBe(100)
    expect((await queued()).map(({ outcome }) => outcome)).toEqual(['dead'])
  })

  it('R8.1 repeatedly is a dead letter after 24 attempts, over more than ten minutes', async () => {
    const { id, truck } = await offered('again', 1)
    expectOk(await accept(product, id, truck))
    await settled()
    const { worker, push } = openWorker()
    push.answer = ({ data }) =>
      data.type === 'trip_assigned' ? { kind: 'failed', error: 'FCM answered 500' } : { kind: 'sent' }
    for (aheadMs = 3 * SECOND_MS; (await letters()).length === 0; aheadMs += 20 * SECOND_MS) {
      await worker.turn()
      expect(aheadMs).toBeLessThan(60 * MINUTE_MS)
    }
    expect(aheadMs).toBeGreaterThan(10 * MINUTE_MS)
    expect(await letters()).toMatchObject([{ type: 'trip_assigned', attempts: 24 }])
    expect(push.messages().filter(({ data }) => data.type === 'trip_assigned')).toHaveLength(24)
    expect(worker.counts.dead).toBe(1)
  })

  it('R8.1 because the app was removed has the device forgotten, unless it was registered again since', async () => {
    const { truck } = await offered('pruned')
    const devices = async () =>
      (await product.sql.query('select from devices where user_id = $1', [truck.caller.id])).rowCount
    const { worker, push } = openWorker()
    push.answer = () => ({ kind: 'unregistered' })
    aheadMs = 3 * SECOND_MS
    await product.sql.query(
      "update devices set registered_at = now() + interval '1 minute' where user_id = $1",
      [truck.caller.id],
    )
    await worker.turn()
    expect(await devices()).toBe(1)
    await product.sql.query('update devices set registered_at = now() where user_id = $1', [truck.caller.id])
    aheadMs = 40 * SECOND_MS
    await worker.turn()
    expect(await devices()).toBe(0)
    expect(await queued()).toEqual([])
  })
})

describe('a device', () => {
  const users = async (token: string) =>
    (await product.sql.query('select user_id from devices where token = $1', [token])).rows.map(
      row => row.user_id,
    )

  it('R8.1 belongs to the user that signed in on it last, and does not get messages that were queued for another', async () => {
    const { truck } = await offered('handed-on')
    await carry('c-next', 'customer', tokenOf(truck.caller.id))
    expect(await users(tokenOf(truck.caller.id))).toEqual(['c-next'])
    const { worker, push } = openWorker()
    aheadMs = 3 * SECOND_MS
    await worker.turn()
    expect(push.messages()).toEqual([])
  })

  it('R11.1 belongs to one person: another role of the same id is neither woken on it nor able to remove it', async () => {
    const { truck } = await offered('same-id')
    const own = tokenOf(truck.caller.id)
    const twin = driver(truck.caller.id)
    await carry(twin.id, 'driver', 'twin-token')
    await pushes().queue([newPush('for-twin', twin)])
    const { worker, push } = openWorker()
    aheadMs = 3 * SECOND_MS
    await worker.turn()
    expect(
      push
        .messages()
        .map(({ token, data }) => [token, data.type])
        .toSorted(),
    ).toEqual(
      [
        [own, 'new_broadcast'],
        ['twin-token', 'trip_assigned'],
      ].toSorted(),
    )
    expectOk(await product.dispatch.removeDevice(twin, { token: own }))
    expect(await users(own)).toEqual([truck.caller.id])
    // What the other acknowledges is pushed to this one all the same.
    await pushes().queue([newPush('acknowledged', truck.caller)])
    await pushes().acknowledge([{ envelopeId: 'acknowledged', person: twin }], now())
    aheadMs = 6 * SECOND_MS
    await worker.turn()
    expect(
      push
        .messages()
        .filter(({ data }) => data.id === 'acknowledged')
        .map(({ token }) => token),
    ).toEqual([own])
  })

  it('R11.1 that moves to another role of its id does not get messages that were queued for the first', async () => {
    const { truck } = await offered('handed-over')
    const token = tokenOf(truck.caller.id)
    await carry(truck.caller.id, 'customer', token)
    const { worker, push } = openWorker()
    aheadMs = 3 * SECOND_MS
    await worker.turn()
    expect(push.messages()).toEqual([])
  })

  it('R11.1 from the previous release belongs to nobody once its id has two roles, and neither do its pushes', async () => {
    const { sql } = product
    const both = driver('old-device')
    await product.dispatch.isActive(both)
    // As that release writes them.
    const insert = "insert into devices (token, user_id, platform) values ('old-token', 'old-device', 'web')"
    await sql.query(`${insert} on conflict (token) do update set
      user_id = excluded.user_id, platform = excluded.platform, registered_at = excluded.registered_at`)
    await pushes().queue([newPush('old-1', both)])
    const byOld = (id: string, type: string) =>
      sql.query(
        `insert into pushes (envelope_id, device_id, user_id, message, ends_at, due_at)
         select $1, id, user_id, $2, now() + interval '1 hour', now() from devices where token = 'old-token'`,
        [id, JSON.stringify({ type, broadcastId: PLACEHOLDER_ID, version: 1, title: 'Said' })],
      )
    await byOld('old-2', 'trip_cancelled')
    const { worker, push } = openWorker()
    aheadMs = 3 * SECOND_MS
    await worker.turn()
    expect(
      push
        .messages()
        .map(({ data }) => data.id)
        .toSorted(),
    ).toEqual(['old-1', 'old-2'])
    await product.dispatch.isActive(customer(both.id))
    await pushes().queue([newPush('old-3', both), newPush('old-3', customer(both.id))])
    await byOld('old-4', 'trip_cancelled')
    await byOld('old-5', 'trip_assigned')
    aheadMs = 6 * SECOND_MS
    await worker.turn()
    expect(
      push
        .messages()
        .map(({ data }) => data.id)
        .toSorted(),
    ).toEqual(['old-1', 'old-2'])
  })

  it('R8.1 can be removed only by its own user, and repeatedly', async () => {
    const { dispatch } = product
    await carry('c-own', 'customer', 'own')
    await carry('c-other', 'customer', 'others')
    const device = { token: 'own', platform: 'android' } as const
    expectOk(await dispatch.removeDevice(customer('c-other'), device))
    expect(await users('own')).toEqual(['c-own'])
    expectOk(await dispatch.removeDevice(customer('c-own'), device))
    expectOk(await dispatch.removeDevice(customer('c-own'), device))
    expect([await users('own'), await users('others')]).toEqual([[], ['c-other']])
  })

  it('R8.1 is one of at most ten: the newest are kept, and one registered again is new', async () => {
    for (let n = 0; n < 10; n++) await carry('c-many', 'customer', `many-${n}`)
    await carry('c-many', 'customer', 'many-0')
    await carry('c-many', 'customer', 'many-10')
    const { rows } = await product.sql.query(
      "select token from devices where user_id = 'c-many' order by registered_at",
    )
    expect(rows.map(row => row.token)).toEqual([
      ...Array.from({ length: 8 }, (_, i) => `many-${i + 2}`),
      'many-0',
      'many-10',
    ])
  })

  it('R8.1 of a user that was turned off gets nothing', async () => {
    const { truck } = await offered('turned-off')
    expectOk(await product.dispatch.setPersonActive(admin, truck.caller, false))
    const { worker, push } = openWorker()
    aheadMs = 3 * SECOND_MS
    await worker.turn()
    expect(push.messages()).toEqual([])
    expectOk(await product.dispatch.setPersonActive(admin, truck.caller, true))
  })
})

it('R8.1 settled pushes are deleted after 15 minutes, others never', async () => {
  await offered('forgotten')
  const { worker } = openWorker()
  aheadMs = 3 * SECOND_MS
  await worker.turn()
  await offered('kept')
  expect(await product.pushes.sweep(now() - SECOND_MS, 10)).toBe(0)
  expect(await product.pushes.sweep(now() + SECOND_MS, 10)).toBe(1)
  expect((await queued()).map(({ outcome }) => outcome)).toEqual([null])
})
