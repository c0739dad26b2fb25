import { describe, expect, test } from '@jest/globals'
import { createIdempotencyStore } from '../../../src/adapters/postgres/product/idempotency-store.js'
import { createClient } from '../../support/server/clients.js'
import { acceptBody, asking, registerTruck } from '../../support/server/fleet.js'
import { useTestApp } from '../../support/server/use-test-app.js'

const app = await useTestApp()

const key = (value: string) => ({ 'idempotency-key': value })
const customer = (name: string) => createClient(app.url, 'customer', name)
const replayed = (answer: { headers: Headers }) => answer.headers.get('idempotency-replayed')

/** As after the death of a process between its commit and the keeping of its answer. */
const forgetAnswers = () => app.query('update idempotency_keys set answer = null where instance is not null')

describe('R2.3 R3.3 an Idempotency-Key', () => {
  test('on a create: the same request, status, headers and body for every repeat', async () => {
    const me = await customer('c-create')
    const first = await me.post('/api/v1/booking', bookingOf(2), key('k1'))
    expect(first.status).toBe(201)
    expect(replayed(first)).toBeNull()
    await me.post(`/api/v1/broadcasts/${first.body.id}/events`, { type: 'cancel' })
    for (const header of ['k1', '"k1"']) {
      const again = await me.post('/api/v1/booking', bookingOf(2), key(header))
      expect([again.status, again.body, replayed(again)]).toEqual([201, first.body, 'true'])
      expect(again.headers.get('location')).toBe(first.headers.get('location'))
    }
  })

  test('on a create whose answer was lost with its process: the journal gives the answer', async () => {
    const me = await customer('c-lost')
    const first = await me.post('/api/v1/broadcasts', asking(3), key('k1'))
    await me.post(`/api/v1/broadcasts/${first.body.id}/events`, { type: 'cancel' })
    await forgetAnswers()
    const again = await me.post('/api/v1/broadcasts', asking(3), key('k1'))
    expect([again.status, again.body, replayed(again)]).toEqual([201, first.body, 'true'])
  })

  test('on an accept: the retry of the winner wins again, with the same trip', async () => {
    const me = await customer('c-accept')
    const truck = await registerTruck(app.url, 'accept')
    const { id } = (await me.post('/api/v1/broadcasts', asking(1))).body
    const accept = () =>
      truck.transporter.post(
        `/api/v1/broadcasts/${id}/events`,
        { type: 'accept', ...acceptBody(truck) },
        key('a'),
      )
    const first = await accept()
    expect(first.status).toBe(200)
    const again = await accept()
    expect([again.status, again.body, replayed(again)]).toEqual([200, first.body, 'true'])
    await forgetAnswers()
    expect((await accept()).body).toEqual(first.body)
    const { length } = await app.query('select from trips where instance = $1', [id])
    expect(length).toBe(1)
  })

  test('sent twenty times at once: one request, one trip, and each caller gets its answer', async () => {
    const me = await customer('c-twins')
    const created = await Promise.all(
      Array.from({ length: 20 }, () => me.post('/api/v1/orders', orderOf(1), key('o'))),
    )
    expect(created.map(a => a.status)).toEqual(created.map(() => 201))
    expect(new Set(created.map(a => a.body.id)).size).toBe(1)
    const truck = await registerTruck(app.url, 'twins')
    const path = `/api/v1/broadcast/${created[0]?.body.id}/accept`
    const accepted = await Promise.all(
      Array.from({ length: 20 }, () => truck.transporter.post(path, acceptBody(truck), key('t'))),
    )
    expect(accepted.map(a => a.status)).toEqual(accepted.map(() => 200))
    expect(new Set(accepted.map(a => a.body.assignment.tripId)).size).toBe(1)
    expect(accepted.filter(a => replayed(a) === null)).toHaveLength(1)
  })

  test('with another payload: 422, and nothing changes', async () => {
    const me = await customer('c-reused')
    const first = await me.post('/api/v1/broadcasts', asking(1), key('k'))
    await me.post(`/api/v1/broadcasts/${first.body.id}/events`, { type: 'cancel' })
    const before = await app.countRows()
    const other = await me.post('/api/v1/broadcasts', asking(2), key('k'))
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED'])
    expect(await app.countRows()).toEqual(before)
  })

  test('belongs to one user, one method and one path', async () => {
    const [one, two] = await Promise.all([customer('c-own1'), customer('c-own2')])
    const first = await one.post('/api/v1/broadcasts', asking(1), key('k'))
    const second = await two.post('/api/v1/broadcasts', asking(1), key('k'))
    expect(second.status).toBe(201)
    expect(second.body.id).not.toBe(first.body.id)
    expect((await one.put(`/api/v1/booking/${first.body.id}/cancel`, {}, key('k'))).status).toBe(200)
  })

  test('is not used up by a refusal: the request is decided anew', async () => {
    const me = await customer('c-refused')
    const first = await me.post('/api/v1/broadcasts', asking(1))
    const refused = await me.post('/api/v1/broadcasts', asking(2), key('k'))
    expect([refused.status, refused.body.code]).toEqual([409, 'ACTIVE_BROADCAST_EXISTS'])
    await me.post(`/api/v1/broadcasts/${first.body.id}/events`, { type: 'cancel' })
    const again = await me.post('/api/v1/broadcasts', asking(2), key('k'))
    expect([again.status, replayed(again)]).toEqual([201, null])
  })

  test('works on commands without a transition: the first answer is kept', async () => {
    const transporter = await createClient(app.url, 'transporter', 't-put')
    const put = (number: string, value: string) =>
      transporter.put('/api/v1/transporter/vehicles/v-put', { vehicleType: '14ft', number }, key(value))
    const first = await put('DL 1', 'k')
    expect(first.status).toBe(201)
    const again = await put('DL 1', 'k')
    expect([again.status, again.body, replayed(again)]).toEqual([201, first.body, 'true'])
    const other = await put('DL 2', 'k')
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED'])
    expect((await put('DL 2', 'k2')).status).toBe(200)
  })

  test.each([
    ['', 'empty'],
    ['"', 'half a quote'],
    ['ключ', 'not ASCII'],
    ['x'.repeat(256), 'too long'],
  ])('that is invalid (%#) is a bad request', async value => {
    const me = await customer('c-bad-key')
    // Header values are bytes: what is not Latin-1 cannot even be sent.
    const header = Buffer.from(value, 'utf8').toString('latin1')
    const answer = await me.post('/api/v1/broadcasts', asking(1), key(header))
    expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_FAILED'])
    expect(answer.body.errors[0].path).toBe('Idempotency-Key')
  })

  test('is deleted after its day, in batches', async () => {
    const me = await customer('c-old')
    await me.post('/api/v1/broadcasts', asking(1), key('old'))
    await app.query("update idempotency_keys set recorded_at = now() - interval '25 hours' where key = 'old'")
    const keys = createIdempotencyStore(app.sql)
    expect(await keys.sweep(24 * 3_600_000, 100)).toBe(1)
    expect(await keys.sweep(24 * 3_600_000, 100)).toBe(0)
  })
})

const bookingOf = (trucksNeeded: number) => {
  const { trucks: _, ...rest } = asking(1)
  return { ...rest, vehicleType: '14ft', trucksNeeded }
}
const orderOf = (quantity: number) => {
  const { trucks: _, ...rest } = asking(1)
  return { ...rest, truckRequests: [{ vehicleType: '14ft', quantity }] }
}
