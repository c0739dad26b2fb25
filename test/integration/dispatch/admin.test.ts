import { describe, expect, it } from '@jest/globals'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import { NO_CAPS } from '../../../src/dispatch/caps.js'
import { until } from '../../support/engine/engine.js'
import { admin, customer, northOfPickup } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { accept, asking, registerTruck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

const product = await useDispatch()

const nobodys = '01890a5d-ac96-774b-bcce-b302099a8057'
const create = async (name: string, count = 1, vehicleType = 'tata_ace') =>
  expectOk(await product.dispatch.createBroadcast(customer(name), asking(count, vehicleType))).broadcast.id
const actions = async (limit = 20) =>
  expectOk(await product.dispatch.listAdminActions(admin, { limit, adminId: admin.id })).items

describe('an instance, for an administrator,', () => {
  it('shows all stored facts: snapshot, timers, claims, journal', async () => {
    const { dispatch } = product
    const truck = await registerTruck(product, 'detail', { vehicleType: 'detail' })
    const id = await create('c-detail', 2, 'detail')
    expectOk(await accept(product, id, truck))
    const instance = expectOk(await dispatch.getInstance(admin, id))
    expect(instance).toMatchObject({
      id,
      machine: 'broadcast',
      definitionVersion: 1,
      version: 2,
      status: 'partially_filled',
      owner: 'c-detail',
      snapshot: { context: { customerId: 'c-detail' } },
    })
    expect(instance.claims).toEqual([
      'customer:c-detail',
      `driver:${truck.driverId}`,
      `vehicle:${truck.vehicleId}`,
    ])
    expect(instance.timers.map(timer => timer.sendId).sort()).toEqual([
      expect.stringContaining('broadcastTimeout'),
      expect.stringContaining('reachStep'),
    ])
    expect(instance.journal.map(entry => [entry.version, entry.event.type])).toEqual([
      [2, 'accept'],
      [1, 'xstate.init'],
    ])
    expect(expectProblem(await dispatch.getInstance(admin, nobodys))).toBe('NOT_FOUND')
  })

  it('is found by machine, status and owner, in pages', async () => {
    const { dispatch } = product
    const ids: string[] = []
    for (let i = 0; i < 3; i++) {
      ids.unshift(await create('c-list'))
      if (i < 2) {
        expectOk(await dispatch.sendToBroadcast(customer('c-list'), ids[0] ?? '', { type: 'cancel' }))
      }
    }
    const list = async (query: object) =>
      expectOk(await dispatch.listInstances(admin, { limit: 2, owner: 'c-list', ...query }))
    const first = await list({})
    expect(first.items.map(item => item.id)).toEqual(ids.slice(0, 2))
    const second = await list({ cursor: first.nextCursor })
    expect([second.items.map(item => item.id), second.nextCursor]).toEqual([ids.slice(2), null])
    expect((await list({ status: 'cancelled' })).items.map(item => item.id)).toEqual(ids.slice(1))
    expect((await list({ machine: 'broadcast', status: 'searching' })).items.map(item => item.id)).toEqual(
      ids.slice(0, 1),
    )
    expect((await list({ machine: 'no_such' })).items).toEqual([])
  })

  it('accepts any command, with the reason in its journal, and records the action, refused or not', async () => {
    const { dispatch } = product
    const id = await create('c-command')
    const send = (event: { type: string }, reason = 'Asked for by phone') =>
      dispatch.sendToInstance(admin, id, { event, reason })
    expect(expectProblem(await send({ type: 'no.such' }))).toBe('VALIDATION_FAILED')
    expect(expectOk(await send({ type: 'cancel' }))).toMatchObject({
      outcome: 'applied',
      version: 2,
      instance: { id, status: 'cancelled' },
    })
    expect(expectOk(await send({ type: 'cancel' })).outcome).toBe('unchanged')
    expect(
      expectProblem(
        await dispatch.sendToInstance(admin, nobodys, { event: { type: 'cancel' }, reason: 'x' }),
      ),
    ).toBe('NOT_FOUND')
    const seenBy = async (caller: typeof admin) => {
      const { items } = expectOk(await dispatch.history(caller, id, { limit: 20 }))
      return items.at(-1)?.actor
    }
    expect(await seenBy(admin)).toEqual({ id: 'root', role: 'admin', reason: 'Asked for by phone' })
    // The admin's reason is not visible to the customer.
    expect(await seenBy(customer('c-command'))).toEqual({ id: 'root', role: 'admin' })
    expect((await actions()).slice(0, 4).map(a => [a.action, a.target, a.outcome, a.reason])).toEqual([
      ['instance.event', nobodys, 'NOT_FOUND', 'x'],
      ['instance.event', id, 'unchanged', 'Asked for by phone'],
      ['instance.event', id, 'applied', 'Asked for by phone'],
      ['instance.event', id, 'VALIDATION_FAILED', 'Asked for by phone'],
    ])
  })
})

describe('an action of an administrator', () => {
  it('is recorded before it is done: one that throws has a row without an outcome', async () => {
    const { admin: store } = product
    const failing = { admin: store, log: { warn() {}, error() {} }, settings: { caps: NO_CAPS } }
    const { onRecord } = await import('../../../src/dispatch/admin/on-record.js')
    const deed = { action: 'test.deed', target: 'x', detail: { n: 1 } }
    await expect(
      onRecord(failing, admin, deed, async () => {
        throw new Error('the process died')
      }),
    ).rejects.toThrow('died')
    const [row] = await actions(1)
    expect(row).toMatchObject({
      action: 'test.deed',
      target: 'x',
      detail: { n: 1 },
      begunAt: expect.any(String),
    })
    expect(row).not.toHaveProperty('outcome')
  })

  it('is not done when it cannot be recorded', async () => {
    const { onRecord } = await import('../../../src/dispatch/admin/on-record.js')
    const broken = { ...product.admin, beginAction: () => Promise.reject(new Error('no database')) }
    const parts = { log: { warn() {}, error() {} }, settings: { caps: NO_CAPS } }
    let isDone = false
    const deed = { action: 'test.deed', target: 'y', detail: {} }
    await expect(
      onRecord({ ...parts, admin: broken }, admin, deed, async () => {
        isDone = true
        return { ok: true, value: undefined }
      }),
    ).rejects.toThrow('no database')
    expect(isDone).toBe(false)
  })

  it('on users is recorded like the others', async () => {
    expectOk(await product.dispatch.setPersonActive(admin, customer('u-1'), false))
    expectOk(await product.dispatch.setPersonActive(admin, customer('u-1'), true))
    expect((await actions(2)).map(a => [a.action, a.target, a.outcome])).toEqual([
      ['user.activate', 'customer:u-1', 'applied'],
      ['user.deactivate', 'customer:u-1', 'applied'],
    ])
  })
})

describe('a dead letter', () => {
  it('is listed, newest first, and is removed when redriving delivers its event', async () => {
    const { dispatch, sql, fanout } = product
    const id = await create('c-letter')
    // Delivered rows must be settled before the check, because a dead letter is in no other queue.
    await until(async () => {
      const { rowCount } = await sql.query('select from outbox where instance = $1', [id])
      return rowCount === 0
    })
    await sql.query(
      `insert into dead_letters (instance, version, index, subscriber, attempts, error)
       select instance, version, index, 'socket', 10, 'boom' from events
       where instance = $1 and type = 'broadcast.created' union all
       select instance, version, index, 'reach', 10, 'boom' from events
       where instance = $1 and type = 'reach.widened'`,
      [id],
    )
    const list = async (query: { limit: number; cursor?: string }) =>
      expectOk(await dispatch.listDeadLetters(admin, query))
    const first = await list({ limit: 1 })
    expect(first.items).toMatchObject([{ instance: id, type: 'reach.widened', attempts: 10, error: 'boom' }])
    const second = await list({ limit: 1, cursor: first.nextCursor ?? '' })
    expect(second.items).toMatchObject([{ instance: id, type: 'broadcast.created', subscriber: 'socket' }])
    expect(second.nextCursor).toBeNull()
    await product.engine.start()
    fanout.emits.length = 0
    const letter = Number(second.items[0]?.id)
    expectOk(await dispatch.redriveDeadLetter(admin, letter, { reason: 'Fixed' }))
    await until(() => fanout.heard('person:customer:c-letter', 'booking_updated').length > 0)
    expect(expectProblem(await dispatch.redriveDeadLetter(admin, letter, {}))).toBe('NOT_FOUND')
    expect((await list({ limit: 20 })).items.map(item => item.type)).toEqual(['reach.widened'])
  })
})

describe('R10.7 the recipients of a request', () => {
  const ask = async (id: string, query: object = {}) =>
    expectOk(await product.dispatch.listRecipients(admin, id, { limit: 20, ...query })).items

  it('are the transporters that were offered it, and the skipped ones with the reason', async () => {
    const { dispatch } = product
    const offered = await registerTruck(product, 'r-a', { vehicleType: 'r', place: northOfPickup(3) })
    const off = await registerTruck(product, 'r-b', { vehicleType: 'r', place: northOfPickup(4) })
    expectOk(await dispatch.setTransporterAvailability(off.caller, false))
    const id = await create('c-r', 1, 'r')
    expectOk(await dispatch.sendToBroadcast(offered.caller, id, { type: 'decline', reason: 'Too far' }))
    expect(await ask(id)).toEqual([
      {
        transporterId: offered.caller.id,
        isOffered: true,
        step: '1',
        distanceKm: expect.closeTo(3, 1),
        offeredAt: expect.any(String),
        declinedAt: expect.any(String),
        declineReason: 'Too far',
        isOnRecord: true,
      },
      {
        transporterId: off.caller.id,
        isOffered: false,
        step: expect.any(String),
        distanceKm: expect.closeTo(4, 1),
        reason: 'not_available',
        isOnRecord: true,
      },
    ])
    expect((await ask(id, { isOffered: true })).map(r => r.transporterId)).toEqual([offered.caller.id])
    expect((await ask(id, { isOffered: false })).map(r => r.transporterId)).toEqual([off.caller.id])
    const page = expectOk(await dispatch.listRecipients(admin, id, { limit: 1 }))
    expect((await ask(id, { cursor: page.nextCursor })).map(r => r.transporterId)).toEqual([off.caller.id])
    expect(expectProblem(await dispatch.listRecipients(admin, nobodys, { limit: 1 }))).toBe('NOT_FOUND')
  })

  it('show for a transporter that no step found the reasons against it now', async () => {
    const { dispatch } = product
    const id = await create('c-why', 1, 'why')
    const why = async (transporterId: string) => {
      const [only] = await ask(id, { transporterId })
      expect(only).toMatchObject({ transporterId, isOffered: false, isOnRecord: false })
      return [only?.reason, only?.distanceKm === undefined ? undefined : Math.round(only.distanceKm)]
    }
    expect(await why('t-unheard-of')).toEqual(['unknown_transporter', undefined])
    const other = await registerTruck(product, 'w-other', { vehicleType: 'other', place: northOfPickup(1) })
    expect(await why(other.caller.id)).toEqual(['no_matching_vehicle', undefined])
    const idle = await registerTruck(product, 'w-idle', { vehicleType: 'why' })
    expect(await why(idle.caller.id)).toEqual(['not_available', undefined])
    expectOk(await dispatch.setTransporterAvailability(idle.caller, true))
    await product.settled()
    expect(await why(idle.caller.id)).toEqual(['no_driver_online', undefined])
    product.passTime(121_000)
    expect(await why(idle.caller.id)).toEqual(['transporter_not_present', undefined])
    const far = await registerTruck(product, 'w-far', { vehicleType: 'why', place: northOfPickup(300) })
    await product.settled()
    expect(await why(far.caller.id)).toEqual(['no_driver_near_in_time', 300])
    expectOk(await dispatch.setPersonActive(admin, far.caller, false))
    expect(await why(far.caller.id)).toEqual(['user_inactive', undefined])
  })
})

describe('a timer that failed too often', () => {
  /** The deadline of a new request has passed, but its timer has failed for the last time. Leased, so that no engine fires it. */
  async function dead(name: string) {
    const id = await create(name)
    const text = `update timers set due_at = now() - interval '1 s', leased_until = now() + interval '1 minute'
      where instance = $1 and send_id like $2
      returning send_id as "sendId", generation`
    const { rows } = await product.sql.query(text, [id, '%broadcastTimeout%'])
    const store = createPostgresStore({ connectionString: product.connectionString })
    const failure = { attempts: 8, error: 'Error: boom' }
    expect(await store.buryTimer({ instance: id, ...rows[0] }, failure)).toBe(true)
    await store.close()
    const { items } = expectOk(await product.dispatch.listDeadLetters(admin, { limit: 20 }))
    const letter = items.find(({ instance }) => instance === id)
    return { id, letter, letterId: Number(letter?.id) }
  }

  it('is a dead letter beside those of deliveries, and its instance shows why', async () => {
    const { dispatch } = product
    const { id, letter } = await dead('c-dead-timer')
    expect(letter).toEqual({
      id: expect.stringMatching(/^\d+$/),
      kind: 'timer',
      instance: id,
      machine: 'broadcast',
      sendId: expect.stringContaining('broadcastTimeout'),
      generation: 1,
      type: expect.stringContaining('broadcastTimeout'),
      attempts: 8,
      error: 'Error: boom',
      dueAt: expect.stringContaining('T'),
      diedAt: expect.stringContaining('T'),
    })
    const { items } = expectOk(await dispatch.listDeadLetters(admin, { limit: 20 }))
    expect(items.map(({ kind }) => kind)).toEqual(['timer', 'delivery'])
    const page = expectOk(await dispatch.listDeadLetters(admin, { limit: 1 }))
    const next = expectOk(
      await dispatch.listDeadLetters(admin, { limit: 1, cursor: page.nextCursor ?? undefined }),
    )
    expect([...page.items, ...next.items]).toEqual(items)
    const { timers } = expectOk(await dispatch.getInstance(admin, id))
    const deadline = timers.find(({ sendId }) => sendId.includes('broadcastTimeout'))
    expect(deadline).toMatchObject({ parked: 'dead', attempts: 8, error: 'Error: boom' })
    expect(deadline).not.toHaveProperty('dueAt')
    const story = expectOk(await dispatch.tellStory(admin, id))
    expect(story.items.filter(({ what }) => what === 'dead_letter')).toMatchObject([
      { detail: { id: letter?.id, timer: letter?.type, attempts: 8, error: 'Error: boom' } },
    ])
  })

  it('fires at once when it is redriven', async () => {
    const { dispatch, engine } = product
    const { id, letterId } = await dead('c-redriven-timer')
    expectOk(await dispatch.redriveDeadLetter(admin, letterId, { reason: 'Fixed' }))
    await until(async () => (await engine.get(id))?.status === 'expired')
    expect(expectProblem(await dispatch.redriveDeadLetter(admin, letterId, {}))).toBe('NOT_FOUND')
  })

  it('never fires when it is dropped, which is recorded', async () => {
    const { dispatch } = product
    const { id, letterId } = await dead('c-dropped-timer')
    expectOk(await dispatch.dropDeadLetter(admin, letterId, { reason: 'Settled by phone' }))
    expect(expectProblem(await dispatch.dropDeadLetter(admin, letterId, {}))).toBe('NOT_FOUND')
    expect((await actions(2)).map(a => [a.action, a.target, a.reason, a.outcome])).toEqual([
      ['dead_letter.drop', String(letterId), undefined, 'NOT_FOUND'],
      ['dead_letter.drop', String(letterId), 'Settled by phone', 'applied'],
    ])
    const { timers } = expectOk(await dispatch.getInstance(admin, id))
    expect(timers.find(({ sendId }) => sendId.includes('broadcastTimeout'))).toMatchObject({
      parked: 'dropped',
    })
  })
})
